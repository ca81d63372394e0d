"""A model with several operators that netspec has nothing for: all are reported in one run, with what they write."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from netspec.importers.faults import ModelFault
from netspec.importers.tflite_translator import Translator


def test_every_unknown_operator_is_reported_with_its_tensor() -> None:
    kinds = ["CONV_2D", "UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "CUSTOM ethos-u", "READ_VARIABLE"]
    operators = [
        SimpleNamespace(kind=kind, shown=f"operator {index}, {kind},", outputs=(index,))
        for index, kind in enumerate(kinds)
    ]
    translator = Translator.__new__(Translator)
    translator.model = SimpleNamespace(  # type: ignore[assignment]
        operators=operators, tensors=[SimpleNamespace(shown=f"tensor 't{index}'") for index in range(len(kinds))]
    )
    with pytest.raises(ModelFault) as caught:
        translator._refuse_unknown({"CONV_2D": lambda to, operator: None}, frozenset(range(len(kinds))))
    found = caught.value.at("m.tflite").diagnostics
    assert [each.message for each in found] == [
        f"operator {index}, {kind}, has no counterpart on the device; it writes tensor 't{index}'"
        for index, kind in list(enumerate(kinds))[1:]
    ]
    for each, word in zip(found, ("conv1d", "state", "Vela", "state"), strict=True):
        assert word in str(each.help)
