"""The emitted folder as CMSIS-Toolbox, PlatformIO, Arduino and MLPerf Tiny take it; the test vectors come out right.

PlatformIO is the real one. The rules of the others, as they document them, are acted out here.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from netspec.device.plan import Io
from netspec.emit import make_vectors, plain_inputs
from netspec.graph import Graph
from netspec.quantize.model import QuantizedModel
from netspec.spec.sections import Target
from tests.builds import bakenn_kernels
from tests.emitted_folders import RIGHT, STANDINS, TWO, compiled, emitted, must, run, write
from tests.emitted_nets import NETS
from tests.models import firmware, make_model
from tests.specs import make_graph

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs gcc and g++")
SEMVER = re.compile(r"\d+\.\d+\.\d+(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the emitted folders of two shipped specs."""
    folder = tmp_path_factory.mktemp("networks")
    return {name: emitted(name, folder / name) for name in TWO}


def held(graph: Graph, io: Io) -> Graph:
    """Return the graph with its inputs and outputs in the arena or outside of it."""
    return replace(graph, spec=replace(graph.spec, target=Target(core=graph.spec.core, io=io)))


# CMSIS-Toolbox


def layer(path: Path) -> tuple[list[Path], list[Path]]:
    """Return the C files and the include folders of a layer; all it names is there."""
    content = yaml.safe_load(path.read_text())
    assert content.keys() == {"layer"}
    assert content["layer"].keys() <= {"description", "packs", "components", "add-path", "groups"}
    files = [path.parent / each["file"] for group in content["layer"]["groups"] for each in group["files"]]
    folders = [path.parent / each for each in content["layer"]["add-path"]]
    assert all(each.is_file() for each in files)
    assert all(each.is_dir() for each in folders)
    return [each for each in files if each.suffix == ".c"], folders


def test_csolution_layers(networks: dict[str, Path], tmp_path: Path) -> None:
    """Both networks and the kernels of one folder are one project."""
    kernels, kernel_folders = layer(networks["digits"] / "kernels/portable.clayer.yml")
    assert {path.name for path in kernels} == {path.name for path in (networks["digits"] / "kernels").rglob("*.c")}
    for name, right in zip(TWO, RIGHT, strict=True):
        sources, folders = layer(networks[name] / f"{name}.clayer.yml")
        test = [networks[name] / f"{name}_test.c", networks[name] / f"{name}_test_vectors.c"]
        program = compiled(tmp_path / name, [*test, *sources, *kernels], [*folders, *kernel_folders])
        assert must(program).strip() == right


def test_csolution_layer_of_cmsis_nn(networks: dict[str, Path]) -> None:
    path = networks["digits"] / "kernels/cmsis_nn.clayer.yml"
    sources, folders = layer(path)
    content = yaml.safe_load(path.read_text())["layer"]
    assert content["packs"] == [{"pack": "ARM::CMSIS-NN@>=7.0.0"}]
    assert content["components"] == [{"component": "ARM::CMSIS:NN Lib"}]
    # The rest is Arm's, the header arm_nnfunctions.h too.
    assert sources == sorted((networks["digits"] / "kernels/src").glob("*.c"))
    assert folders == [networks["digits"] / "kernels/include"]


def component(package: ElementTree.Element, group: str, variant: str | None) -> ElementTree.Element:
    found = [
        each for each in package.iter("component") if (each.get("Cgroup"), each.get("Cvariant")) == (group, variant)
    ]
    assert len(found) == 1
    return found[0]


def test_cmsis_pack(networks: dict[str, Path], tmp_path: Path) -> None:
    folder = networks["motions"]
    package = ElementTree.parse(folder / "netspec.motions.pdsc").getroot()
    assert (package.findtext("vendor"), package.findtext("name")) == ("netspec", "motions")
    assert package.find("url") is not None
    release = package.find("releases/release")
    assert release is not None
    assert SEMVER.fullmatch(release.get("version", ""))

    conditions = {each.get("id") for each in package.iter("condition")}
    assert {each.get("condition") for each in package.iter("component")} - {None} == conditions
    network, portable = component(package, "motions", None), component(package, "netspec kernels", "Portable")
    required = package.find(f"conditions/condition[@id='{network.get('condition')}']/require")
    assert required is not None
    assert {key: portable.get(key) for key in required.attrib} == required.attrib
    arm = package.find("conditions/condition[@id='CMSIS-NN']/require")
    assert arm is not None
    assert arm.attrib == {"Cvendor": "ARM", "Cclass": "CMSIS", "Cgroup": "NN Lib", "Cversion": "7.0.0"}
    files = [folder / each.get("name", "") for each in (*network.iter("file"), *portable.iter("file"))]
    assert all(path.is_file() for path in package_files(package, folder))

    # A header's folder is searched; sources are compiled.
    program = compiled(
        tmp_path / "build",
        [
            folder / "motions_test.c",
            folder / "motions_test_vectors.c",
            *(each for each in files if each.suffix == ".c"),
        ],
        {each.parent for each in files if each.suffix == ".h"},
    )
    assert must(program).strip() == RIGHT[1]


def package_files(package: ElementTree.Element, folder: Path) -> list[Path]:
    return [folder / each.get("name", "") for each in package.iter("file")]


# PlatformIO

INI = """\
[platformio]
default_envs = portable
[env]
platform = host
custom_cmsis_nn_path = cmsis
[env:portable]
[env:arm]
custom_netspec_kernels = cmsis-nn
[env:nonsense]
custom_netspec_kernels = fast
"""
BOTH = """\
int digits_main(void);
int motions_main(void);

int main(void)
{
    return digits_main() + motions_main();
}
"""
SCONS = "import sys\nfrom SCons.Script.Main import main\nsys.exit(main())\n"


@pytest.fixture(scope="module")
def project(networks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of PlatformIO with both networks in lib/, and beside it the core's folder with a platform."""
    platformio = pytest.importorskip("platformio.dependencies")
    pytest.importorskip("SCons")
    folder = tmp_path_factory.mktemp("platformio")
    scons = platformio.get_core_dependencies()["tool-scons"].lstrip("~^=")
    manifest = {"name": "tool-scons", "version": scons, "description": "SCons of this environment"}
    write({"tool-scons/scons.py": SCONS, "tool-scons/package.json": json.dumps(manifest)}, folder / "core/packages")
    shutil.copytree(STANDINS / "platformio", folder / "core/platforms/host")
    for place, kind in [("packages/tool-scons", "tool"), ("platforms/host", "platform")]:
        name = place.split("/")[1]
        spec = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
        version = scons if kind == "tool" else "1.0.0"
        written = {"type": kind, "name": name, "version": version, "spec": spec}
        (folder / "core" / place / ".piopm").write_text(json.dumps(written))
    # The texts themselves: PlatformIO finds libraries by the headers that a project's sources include.
    tests = {
        f"src/{name}.c": f"#define main {name}_main\nint main(void);\n"
        + "".join((networks[name] / f"{name}_{part}.c").read_text() for part in ("test", "test_vectors"))
        for name in TWO
    }
    write({"platformio.ini": INI, "src/main.c": BOTH, **tests}, folder)
    for name in TWO:
        shutil.copytree(networks[name], folder / "lib" / name)
    shutil.copytree(bakenn_kernels().root, folder / "cmsis")
    return folder


def pio(project: Path, *words: str) -> tuple[int, str]:
    done = run(
        sys.executable, "-m", "platformio", *words,
        PLATFORMIO_CORE_DIR=str(project / "core"),
        PLATFORMIO_SETTING_ENABLE_TELEMETRY="no",
        PLATFORMIO_NO_ANSI="true",
    )  # fmt: skip
    return done.returncode, done.stdout.decode()


def test_platformio_builds(project: Path) -> None:
    code, output = pio(project, "run", "-d", str(project), "-e", "portable")
    assert code == 0, output
    assert must(project / ".pio/build/portable/program").splitlines() == RIGHT
    # Not the tests, nor what is there for others.
    built = {path.stem for path in (project / ".pio/build/portable").glob("lib*/digits/**/*.o")}
    assert built == {"digits", "digits_weights"} | {path.stem for path in (project / "lib/digits/kernels").rglob("*.c")}


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("nonsense", "digits: custom_netspec_kernels is 'fast': use portable or cmsis-nn"),
        ("arm", "arm_pad_s8: take 7.0.0 or later"),
    ],
)
def test_platformio_says_what_is_wrong(environment: str, message: str, project: Path) -> None:
    code, output = pio(project, "run", "-d", str(project), "-e", environment)
    assert code != 0
    assert message in output


def test_platformio_with_cmsis_nn(project: Path) -> None:
    """A stand-in: the portable kernels in the folders of CMSIS-NN, which carry the names and arguments of 7.0.0."""
    portable = project / "lib/digits/kernels/portable"
    whole = project / "whole"
    shutil.copytree(portable / "include", whole / "Include")
    shutil.copytree(portable, whole / "Source/AllFunctions", ignore=shutil.ignore_patterns("include"))
    shutil.copy(project / "lib/digits/kernels/include/netspec_kernels.h", whole / "Include")
    write({"Source/AllFunctions/arm_float_f16.c": "#error half precision\n"}, whole)
    (project / "whole.ini").write_text(INI.replace("= cmsis\n", "= whole\n"))
    code, output = pio(project, "run", "-d", str(project), "-c", str(project / "whole.ini"), "-e", "arm")
    assert code == 0, output
    target = project / ".pio/build/arm"
    assert must(target / "program").splitlines() == RIGHT
    built = {path.stem for path in target.glob("lib*/digits/**/*.o")}
    assert built == {"digits", "digits_weights"} | {
        path.stem for path in (project / "lib/digits/kernels/src").glob("*.c")
    }
    vendor = {path.stem for path in target.glob("digits_cmsis_nn/**/*.o")}
    assert vendor == {path.stem for path in portable.glob("*.c")}


def test_platformio_packs_the_library(project: Path, tmp_path: Path) -> None:
    """`pio pkg pack` refuses a manifest that breaks its schema."""
    code, output = pio(project, "pkg", "pack", str(project / "lib/digits"), "-o", str(tmp_path))
    assert code == 0, output
    assert [path.suffixes[-2:] for path in tmp_path.iterdir()] == [[".tar", ".gz"]]


# Arduino

PROPERTIES = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures")


def test_arduino_properties(networks: dict[str, Path]) -> None:
    for name, folder in networks.items():
        lines = (folder / "library.properties").read_text(encoding="utf-8").splitlines()
        found = dict(line.split("=", 1) for line in lines)
        assert set(PROPERTIES) <= found.keys()
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", found["name"])
        assert SEMVER.fullmatch(found["version"])
        assert found["category"] == "Data Processing"
        assert found["includes"] == f"{name}.h"
        assert found["architectures"] == "*"
        # Two networks in a sketch bring the kernels twice; of archives the linker takes one.
        assert found["dot_a_linkage"] == "true"


@pytest.mark.parametrize("io", ["arena", "external"])
@pytest.mark.parametrize("name", TWO)
def test_arduino_sketch(name: str, io: Io, tmp_path: Path) -> None:
    """All sources below src/ are compiled, and of the library only src/ is searched for headers."""
    library = write(firmware(make_model(held(NETS[name](), io))), tmp_path / name)
    sketch = tmp_path / "self_test.ino.cpp"
    sketch.write_text("#include <Arduino.h>\n" + (library / "examples/self_test/self_test.ino").read_text())
    sources = sorted((library / "src").rglob("*.c"))
    assert not list((library / "src").rglob("*.cpp"))
    program = compiled(
        tmp_path / "build",
        [sketch, STANDINS / "arduino/main.cpp", *sources],
        [STANDINS / "arduino", library / "src"],
    )
    assert must(program).strip() == f"{name}: 4 samples, 0 mismatches, 0 us each"


# MLPerf Tiny


def mlperf(model: QuantizedModel, version: str, samples: list[bytes], folder: Path) -> list[list[float]]:
    """Return the results that the submission prints for samples as the host sends them."""
    emitted_folder = write(firmware(model), folder / "net")
    sources = [emitted_folder / f"{model.name}.c", emitted_folder / f"{model.name}_weights.c"]
    sources += sorted((emitted_folder / "kernels").rglob("*.c"))
    submission = [emitted_folder / "mlperf_tiny/submitter_implemented.cpp", emitted_folder / "mlperf_tiny/board.cpp"]
    kernels = emitted_folder / "kernels"
    program = compiled(
        folder / version,
        [STANDINS / "mlperf_tiny/harness.cpp", *submission, *sources],
        [STANDINS / "mlperf_tiny", emitted_folder, kernels / "include", kernels / "portable/include"],
        [f"-DTH_MODEL_VERSION=EE_MODEL_VERSION_{version}"],
    )
    output = must(program, str(len(samples[0])), str(len(samples)), given=b"".join(samples))
    assert output.startswith("m-timestamp-mode-performance\r\nm-lap-us-")
    return [
        [float(word) for word in found.split(",")] for found in re.findall(r"m-results-\[([-0-9.,]+)\]\r\n", output)
    ]


def thousandths(values: np.ndarray) -> list[float]:
    """Return float32 values to three decimals, halves away from zero."""
    scaled = values.astype(np.float32) * np.float32(1000)
    return [float(each) / 1000 for each in np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5).astype(np.float32))]


def expected(model: QuantizedModel, inputs: dict[str, np.ndarray]) -> list[list[float]]:
    outputs = make_vectors(model, inputs).outputs
    ports = model.plan.graph.outputs
    count = len(next(iter(inputs.values())))
    floats = {port.name: model.dequantize(port.name, outputs[port.name]).reshape(count, -1) for port in ports}
    return [[value for port in ports for value in thousandths(floats[port.name][i])] for i in range(count)]


@pytest.mark.parametrize("io", ["arena", "external"])
@pytest.mark.parametrize("net", ["digits", "sequence", "image"])
def test_mlperf_tiny_takes_integers(net: str, io: Io, tmp_path: Path) -> None:
    """Also with several inputs, one after the other, several outputs, and all of them outside the arena."""
    model = make_model(held(NETS[net](), io))
    inputs = plain_inputs(model)
    given = [given.name for given in model.plan.graph.inputs]
    samples = [b"".join(inputs[name][i].tobytes() for name in given) for i in range(4)]
    assert mlperf(model, "KWS01", samples, tmp_path) == expected(model, inputs)


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [{"rescaling": {"scale": 1 / 255}}],
        [{"rescaling": {"scale": 1 / 127.5, "offset": -1.0}}],
        [{"normalization": {"mean": [125, 100, 90], "variance": [900, 4000, 90]}}],
    ],
    ids=["raw", "scale", "offset", "channels"],
)
def test_mlperf_tiny_takes_pixels(layers: list[Any], tmp_path: Path) -> None:
    model = make_model(make_graph([*layers, "flatten", {"dense": {"units": 5}}, "softmax"], (8, 8, 3)))
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    got = mlperf(model, "IC01", [sample.tobytes() for sample in pixels], tmp_path)
    assert got == expected(model, {"x": model.quantize_input("x", pixels.astype(np.float32))})


def test_mlperf_tiny_takes_floats_for_anomalies(tmp_path: Path) -> None:
    """The result is then the mean of the squared distance between the output and what was sent."""
    model = make_model(make_graph([{"dense": {"units": 6, "activation": "relu"}}, {"dense": {"units": 40}}], (40,)))
    floats = np.random.default_rng(0).normal(0, 1, (4, 40)).astype(np.float32)
    quantized = model.quantize_input("x", floats)
    name = model.plan.graph.outputs[0].name
    output = model.dequantize(name, make_vectors(model, {"x": quantized}).outputs[name])
    got = mlperf(model, "AD01", [sample.tobytes() for sample in floats], tmp_path)
    # Sums of float32 in another order than numpy's.
    np.testing.assert_allclose(np.ravel(got), np.mean((output - floats) ** 2, axis=1), rtol=0, atol=0.00051)


def test_mlperf_tiny_says_what_it_cannot(tmp_path: Path) -> None:
    model = make_model(make_graph([{"dense": {"units": 3}}], (4,)))
    with pytest.raises(AssertionError, match="the result of ad01 is the squared distance"):
        mlperf(model, "AD01", [bytes(16)], tmp_path)
    board = tmp_path / "net/mlperf_tiny/board.cpp"
    defines = ["-DEE_CFG_ENERGY_MODE=1", "-DTH_MODEL_VERSION=EE_MODEL_VERSION_KWS01"]
    with pytest.raises(AssertionError, match="write it for your board"):
        compiled(tmp_path / "energy", [board], [STANDINS / "mlperf_tiny"], defines)
