"""Classes of keys: what they inherit, what they are equal to, how they are dumped, and what they do not import."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import ValidationError

from netspec.keys.keys import Field, Keys, Parsed, Unsure
from netspec.keys.models import model_of
from netspec.layers import LAYERS
from netspec.spec.sections import Quantize, Target, Train
from tests.test_cases import OK

ROOT = Path(__file__).parents[2]


def _even(value: Any) -> int:
    if not isinstance(value, int) or value % 2:
        raise ValueError("must be even")
    return value


class Base(Keys):
    one: int = 1
    two: Annotated[int, Field(ge=2)] = Field(2, alias="second")
    gone: int = 3


class Side(Keys):
    three: Annotated[int, Parsed(_even, int)] = Field()
    several: list[int] = Field(default_factory=list)


class Both(Side, Base):
    gone: ClassVar[int] = 30  # type: ignore[misc]
    one: float = 1.5  # type: ignore[assignment]

    def check_together(self) -> None:
        if self.one > self.two:
            raise ValueError("has too large a one")


def test_keys_are_inherited_in_the_order_of_pydantic() -> None:
    assert list(Both.keys) == ["one", "two", "three", "several"]
    assert list(Base.keys) == ["one", "two", "gone"]
    assert Both.gone == 30
    assert not hasattr(Both, "one")
    assert list(model_of(Both).model_fields) == list(Both.keys)


def test_a_value_is_read_with_its_defaults() -> None:
    made = Both.read({"three": 4, "second": 5, "one": 2})
    assert (made.one, made.two, made.three, made.several) == (2.0, 5, 4, [])
    assert type(made.one) is float
    assert made.several is not Both.read({"three": 4}).several
    assert repr(made) == "Both(one=2.0, two=5, three=4, several=[])"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"three": 3},
        {"three": 4, "two": 3},
        {"three": 4, "second": 1},
        {"three": 4, "one": 2.5},
        {"three": 4, "a": 1},
    ],
    ids=str,
)
def test_a_fault_is_left_to_pydantic(data: dict[str, Any]) -> None:
    with pytest.raises(Unsure):
        Both.read(data)
    with pytest.raises(ValidationError):
        Both.model_validate(data)
    with pytest.raises(ValidationError):
        Both(**data)


def test_values_that_do_not_go_together_are_told_as_the_parser_says() -> None:
    with pytest.raises(ValidationError, match="has too large a one"):
        Both.model_validate({"three": 4, "one": 3})


def test_what_only_pydantic_understands_is_its_to_read() -> None:
    class Odd(Keys):
        pair: tuple[int, ...] = ()

    with pytest.raises(Unsure):
        Odd.read({"pair": [1, 2]})
    assert Odd.model_validate({"pair": (1, 2)}).pair == (1, 2)


def test_a_value_is_frozen_and_equal_to_its_like() -> None:
    made = Target(core="cortex-m7")
    with pytest.raises(AttributeError, match="core"):
        made.core = "cortex-m4"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="core"):
        del made.core
    assert made == Target(core="cortex-m7") != Target()
    assert hash(made) == hash(Target(core="cortex-m7"))
    assert made != Quantize()
    assert made.model_copy(update={"core": "cortex-m4"}) == Target()
    assert copy.deepcopy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_dumps_are_those_of_pydantic() -> None:
    data = {"from": "a", "filters": 2, "kernel_size": [3, 1], "padding": [[1, 0], [0, 1]]}
    layer = LAYERS["conv2d"].model_validate(data)
    model = model_of(type(layer)).model_validate(data)
    assert layer.model_dump() == model.model_dump()
    assert layer.model_dump(by_alias=True, exclude={"name"}) == model.model_dump(by_alias=True, exclude={"name"})
    dumped = layer.model_dump(mode="json", exclude={"name", "from_"})
    assert dumped == model.model_dump(mode="json", exclude={"name", "from_"})
    assert dumped["padding"] == [[1, 0], [0, 1]]


def test_a_dump_reaches_what_a_value_holds() -> None:
    train = Train.model_validate(
        {"data": {"npz": "a.npz"}, "loss": "mse", "optimizer": {"adam": {"learning_rate": 0.1}}, "early_stopping": {}}
    )
    dumped = train.model_dump(exclude_none=True, exclude={"metrics", "seed"})
    assert dumped == {
        "data": {"npz": "a.npz"},
        "loss": "mse",
        "optimizer": ("adam", {"learning_rate": 0.1}),
        "epochs": 1,
        "batch_size": 32,
        "validation_split": 0.0,
        "early_stopping": {"monitor": "val_loss", "patience": 0, "min_delta": 0.0, "mode": "auto"},
    }
    assert train.model_dump(mode="json")["optimizer"] == ["adam", {"learning_rate": 0.1}]
    held = LAYERS["bidirectional"].model_validate({"layer": {"gru": {"units": 3}}})
    assert list(held.model_dump()) == list(type(held).keys)
    assert held.model_dump()["layer"]["gru"]["units"] == 3


def test_specs_without_faults_are_checked_without_pydantic() -> None:
    """To import it takes as long as the check.

    A block that nothing uses is looked at without values for its parameters: those layers lack keys, which pydantic
    finds and nobody is told.
    """
    paths = [path for path in (*OK, *sorted((ROOT / "specs").rglob("*.yaml"))) if path.stem != "blocks_unused"]
    program = (
        "import sys\nfrom netspec.running import check_files\n"
        "assert check_files(sys.argv[1:]) == 0\n"
        "print(sorted(set(sys.modules) & {'pydantic', 'pydantic_core', 'typer'}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "[]\n")
