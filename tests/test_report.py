"""report.html: that it says what was found, that nothing of a user's breaks it, and that it asks for nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from netspec.artifacts.manifest import REPORT_FILE, VERDICT_FILE
from netspec.check import check
from netspec.device.memory.sharing import linked
from netspec.spec.source import load
from netspec.verify.arena_picture import ROW_HEIGHT
from netspec.verify.board_figures import LayerFigures
from netspec.verify.html import Subject, report_html
from netspec.verify.report import Accuracy, Comparison, Report, TensorResult, ValueScore
from tests.builds import random_weights
from tests.nets import device_nets
from tests.pages import Element, load_in_chromium, read_page, tags
from tests.reports import SPEC, board, report_of, subject_of
from tests.test_build import run as netspec

HOSTILE = "<script>alert(1)</script>\"'><img src=http://127.0.0.1:9/x> &lt; {{ 7 * 7 }}"


def page_of(report: Report, subject: Subject | None) -> Element:
    return read_page(report_html(report, subject))


def verdict_of(page: Element) -> Element:
    return next(each for each in page.all("div") if "verdict" in each.classes)


def test_a_build_that_agrees_says_so_in_words() -> None:
    subject = subject_of()
    page = page_of(report_of(subject), subject)
    assert page.one("h1").text == "net"
    assert page.one("head").one("title").text == "net: Bit-exact"
    assert verdict_of(page).classes == ["verdict", "good"]
    elements = 2 * 4096 * len(subject.plan.graph.nodes)
    assert verdict_of(page).text == f"✓ Bit-exact 0 mismatches in {elements:,} elements, 2 implementations"
    assert not page.has_section("Where they differ")
    assert "a <small> & simple net" in page.text


def test_every_stage_is_told_and_a_skipped_one_with_its_reason() -> None:
    subject = subject_of()
    _, *rows = page_of(report_of(subject, depth=(12, 3)), subject).section("What was compared").rows
    elements = f"{4096 * len(subject.plan.graph.nodes):,}"
    assert rows == [
        ["TensorFlow Lite Micro", "not compared: tflite-micro is not installed"],
        ["C, portable kernels", "17", elements, "0", "0", "none"],
        ["C, CMSIS-NN 7.x", "17", elements, "12", "3", "depth"],
    ]


def test_a_mismatch_is_shown_with_its_layer() -> None:
    subject = subject_of()
    page = page_of(report_of(subject, depth=(12, 3), logits=(1, 250)), subject)
    assert verdict_of(page).classes == ["verdict", "bad"]
    assert verdict_of(page).text == "✗ Mismatch in C, CMSIS-NN 7.x"
    tensors = {node.layer: node.output for node in subject.plan.graph.nodes}
    assert page.section("Where they differ").rows[1:] == [
        ["C, CMSIS-NN 7.x", "depth", tensors["depth"], "12", "4,096", "3"],
        ["C, CMSIS-NN 7.x", "logits", tensors["logits"], "1", "4,096", "250"],
    ]


def test_drift_without_a_build_is_the_verdict_alone() -> None:
    page = page_of(Report("net", drift=("the spec is gone", "firmware/net.c is missing")), None)
    assert verdict_of(page).classes == ["verdict", "bad"]
    assert verdict_of(page).text.startswith("✗ Drifted the build no longer belongs to its spec")
    assert [each.text for each in page.all("li")] == ["the spec is gone", "firmware/net.c is missing"]
    assert not list(page.all("table"))


def test_layers_have_the_plan_s_numbers() -> None:
    subject = subject_of()
    section = page_of(report_of(subject), subject).section("Layers")
    head, *rows, total = section.rows
    assert head == ["layer", "kernel", "output shape", "MACs", "weight bytes", "live bytes"]
    assert len(rows) == len(subject.plan.graph.nodes)
    stem = rows[0]
    assert stem[0] == "stem with batch_normalization, relu, line 6"
    assert stem[1].startswith("netspec_convolve_s8 ")
    # 64 positions of 3x3x2x4; 72 weights, and 4 channels' bias, multiplier and shift; 128 in, 256 out and the scratch
    assert subject.plan.memory.peak == 0
    live = 128 + 256 + subject.plan.memory.scratch_bytes["stem"]
    assert stem[2:] == ["(8, 8, 4)", "4,608", "120", f"{live:,} peak"]
    assert not any("peak" in row[-1] for row in rows[1:])
    assert total[1:] == [
        f"{subject.graph.macs:,}",
        f"{subject.plan.weight_bytes:,}",
        f"{max(subject.plan.live_bytes()):,}",
    ]
    assert "Without code of their own: dropout." in section.text


def test_scores_of_both_networks() -> None:
    subject = subject_of()
    page = page_of(report_of(subject), subject)
    assert page.section("Float and int8").rows[1:] == [
        ["accuracy on the test split", "1,234", "98.76%", "98.51%", "-0.25 points"],
        ["mean_squared_error on the test split", "9", "2", "3", "+1"],
    ]
    assert page.section("For information").rows == [
        ["desktop LiteRT, default kernels", "3 of 320 outputs differ, by at most 1"]
    ]


@pytest.mark.parametrize("uneven", [True, False])
def test_the_commonest_class_is_beside_the_accuracy(uneven: bool) -> None:
    subject = subject_of()
    output = ValueScore("logits", None, "accuracy", 0.9, 0.8, None)
    scores = (
        Accuracy("accuracy", "test", 200, 0.9, 0.8, (output, output), commonest_share=0.625, is_uneven=uneven),
        Accuracy("mean squared error", "validation", 9, 2, 3),
    )
    page = page_of(replace(report_of(subject), accuracy=scores), subject)
    section = page.section("Float and int8")
    assert section.rows == [
        ["score", "samples", "float", "int8", "change", "commonest class"],
        ["accuracy on the test split", "200", "90.00%", "80.00%", "-10.00 points", "62.50%"],
        ["logits: accuracy on the test split", "200", "90.00%", "80.00%", "-10.00 points", ""],
        ["logits: accuracy on the test split", "200", "90.00%", "80.00%", "-10.00 points", ""],
        ["mean squared error on the validation split", "9", "2", "3", "+1", ""],
    ]
    assert ("The classes are unequal" in section.text) == uneven
    assert ("on 200 samples, 62.50% by always answering the commonest class" in page.text) == uneven


def test_the_first_figures_are_those_of_the_plan() -> None:
    subject = subject_of(SPEC.replace("- relu", "- tanh"))  # a table of 256 bytes
    figures = next(each for each in page_of(report_of(subject), subject).all("dl") if "figures" in each.classes)
    told = dict(zip((each.text for each in figures.all("dt")), (each.text for each in figures.all("dd")), strict=True))
    assert told == {
        "core": f"{subject.plan.core} int8",
        "parameters": f"{subject.graph.parameters:,}",
        "MACs": f"{subject.graph.macs:,} an inference",
        "constants in flash": f"{subject.plan.weight_bytes + 256:,} bytes, 256 of them tables",
        "RAM": f"{subject.plan.arena_bytes:,} bytes",
        "int8 accuracy": "98.51% on 1,234 samples",
        "int8 mean_squared_error": "3 on 9 samples",
    }


def test_versions_and_spec_are_told() -> None:
    subject = subject_of()
    footer = page_of(report_of(subject), subject).one("footer")
    told = dict(zip((each.text for each in footer.all("dt")), (each.text for each in footer.all("dd")), strict=True))
    digest = subject.graph.spec.document.sha256
    assert told == {"spec": "spec.yaml", "SHA-256 of the spec": digest, "netspec": "1.2.3", "numpy": "2.0"}


def test_boards_have_bars_on_one_scale() -> None:
    subject = subject_of()
    report = replace(report_of(subject), boards=(board("portable", 2), board("CMSIS-NN 7.x", 1)))
    page = page_of(report, subject)
    section = page.section("On cortex-m4 (MPS2 AN386)")
    totals, layers, portable, cmsis = section.all("table")
    assert totals.rows[1:] == [
        ["portable", "2,600", "26.00", "316", "11,010", "0"],
        ["CMSIS-NN 7.x", "1,300", "13.00", "316", "11,010", "0"],
    ]
    assert [row[:-1] for row in layers.rows[1:]] == [
        ["stem conv2d, relu", "100", "2,000", "20.00", "1,000", "10.00"],
        ["softmax softmax", "", "500", "", "250", ""],
    ]
    assert [each.attributes["width"] for each in layers.all("rect")] == ["100%", "50%", "25%", "12.5%"]
    assert portable.rows[1:] == cmsis.rows[1:]
    assert ["kernels", "6,002", "7", "0", "0"] in portable.rows
    assert "Note: a note." in section.text
    assert "mps2-an386" in section.text


def boxes(svg: Element) -> list[tuple[str, str, float, float, float, float]]:
    """Return what a picture shows: kind, title, and left, right, top, bottom."""
    found = []
    for each in svg.all("svg"):
        x, width = (float((each.attributes[key] or "").removesuffix("%")) for key in ("x", "width"))
        y, height = (float(each.attributes[key] or "") for key in ("y", "height"))
        found.append((each.one("rect").classes[0], each.one("title").text, x, x + width, y, y + height))
    return found


def arenas(page: Element) -> list[Element]:
    return [next(figure.all("svg")) for figure in page.all("figure")]


def test_the_picture_shows_the_plan_of_a_small_net() -> None:
    subject = subject_of()
    plan = subject.plan
    page = page_of(report_of(subject), subject)
    [svg] = arenas(page)
    shown = {title.split(":")[0]: rest for _, title, *rest in boxes(svg)}
    assert shown.keys() == {*plan.graph.tensors, *(f"scratch of {name}" for name in plan.memory.scratch_bytes)}
    left, right, top, bottom = shown["x"]
    assert left == pytest.approx(100 * plan.memory.tensor_offsets["x"] / plan.arena_bytes, abs=0.0005)
    assert right - left == pytest.approx(100 * 128 / plan.arena_bytes, abs=0.0005)
    assert (top // ROW_HEIGHT, bottom // ROW_HEIGHT) == (0, 1)  # there before the first layer, and read by it
    labels = [each.text for each in next(page.all("ol")).all("li")]
    names = [node.name for node in plan.graph.nodes]
    assert [label.removesuffix(" (peak)") for label in labels] == ["input", *names, "output"]
    assert [index for index, label in enumerate(labels) if label.endswith(" (peak)")] == [plan.memory.peak + 1]
    assert {kind for kind, *_ in boxes(svg)} == {"port", "tensor", "scratch"}


@settings(max_examples=40)
@given(text=device_nets())
def test_no_two_boxes_overlap_but_slices(text: str) -> None:
    """What needs the same bytes at the same time is drawn over another only where it is a part of it."""
    subject = subject_of(text)
    slices = linked(tuple(share for share in subject.plan.memory.shares if not share.replaces))
    page = page_of(Report("net"), subject)
    for svg in arenas(page):
        found = boxes(svg)
        for index, (_, one, left, right, top, bottom) in enumerate(found):
            assert -0.001 < left < right < 100.002, one
            assert -0.001 < top < bottom < float(svg.attributes["height"] or ""), one
            for _, two, other_left, other_right, other_top, other_bottom in found[index + 1 :]:
                # Positions are rounded to a thousandth of a percent.
                across = min(right, other_right) - max(left, other_left) > 0.002
                if across and min(bottom, other_bottom) > max(top, other_top):
                    assert frozenset((one.split(":")[0], two.split(":")[0])) in slices, (one, two)


def test_a_slice_is_drawn_upon_what_it_is_a_part_of() -> None:
    text = """\
netspec: 1
name: net
inputs: {x: {shape: [12]}}
layers:
  - dense: {name: a, from: x, units: 16}
  - dense: {name: b, from: x, units: 16}
  - concatenate: {name: both, from: [a, b]}
  - dense: {name: c, units: 4}
"""
    subject = subject_of(text)
    assert any(not share.replaces for share in subject.plan.memory.shares), "the net has no slices any more"
    [svg] = arenas(page_of(Report("net"), subject))
    order = [title.split(":")[0] for _, title, *_ in boxes(svg)]
    assert order.index("both") < min(order.index("a"), order.index("b"))


def test_each_region_has_a_picture() -> None:
    text = SPEC + "target: {memory: [{name: fast, size: 300}, {name: slow, size: 64KiB}]}\n"
    subject = subject_of(text)
    titles = [each.text for each in page_of(Report("net"), subject).section("Memory").all("h3")]
    fast, slow = subject.plan.memory.arenas
    assert titles == [f"Arena in {name}, {size:,} bytes" for name, size in (("fast", fast), ("slow", slow)) if size]
    assert len(titles) == 2


def test_what_the_caller_keeps_is_named() -> None:
    subject = subject_of(SPEC + "target: {io: external}\n")
    section = page_of(Report("net"), subject).section("Memory")
    assert "In the caller's memory: softmax, x." in section.text


def test_a_net_without_an_op_has_a_page() -> None:
    subject = subject_of("netspec: 1\nname: net\ninputs: {x: {shape: [2, 3]}}\nlayers:\n  - dropout: {rate: 0.5}\n")
    page = page_of(Report("net"), subject)
    assert not page.has_section("Layers")
    assert len(boxes(arenas(page)[0])) == 1


def hostile() -> tuple[Report, Subject]:
    """Return a report in which everything that a user may name is an attack."""
    subject = subject_of(SPEC.replace("a <small> & simple net", HOSTILE.replace('"', '\\"')))
    bad = TensorResult(HOSTILE, HOSTILE, 5, 2, 1)
    figures = replace(
        board(HOSTILE, 1), title=HOSTILE, machine=HOSTILE, notes=(HOSTILE,),
        layers=(LayerFigures(HOSTILE, HOSTILE + "!", HOSTILE, 5, 5),),
    )  # fmt: skip
    report = Report(
        HOSTILE,
        (HOSTILE,),
        (Comparison(HOSTILE, 3, (bad,)), Comparison("two", skipped=HOSTILE)),
        (Accuracy(HOSTILE, HOSTILE, 4, float("nan"), float("inf")),),
        {HOSTILE: HOSTILE},
        (figures,),
    )
    return report, replace(subject, versions={HOSTILE: HOSTILE})


def test_hostile_names_are_text() -> None:
    report, subject = hostile()
    page = page_of(report, subject)
    assert not list(page.all("script"))
    assert not list(page.all("img"))
    assert page.one("h1").text == HOSTILE
    assert page.text.count(HOSTILE) >= 18


def test_names_that_no_text_can_hold_are_shown_as_such() -> None:
    """Bytes of a file's name that are no UTF-8, control characters and marks that turn a line around."""
    text = report_html(Report("net", drift=("a\udcff\x00\x1b[31m\u202eb\nc",)), None)
    assert "a\ufffd\ufffd\ufffd[31m\ufffdb\ufffdc" in text
    text.encode("utf-8")


def test_a_page_holds_nothing_to_be_fetched() -> None:
    report, subject = hostile()
    text = report_html(replace(report, boards=(board("portable", 1),)), subject)
    page = read_page(text)
    named = {name for tag in set(tags(text)) for each in page.all(tag) for name in each.attributes}
    assert not named & {"src", "href", "srcset", "xlink:href", "data", "action", "style", "poster", "background"}
    assert not re.search(r"url\(|@import|@font-face", page.one("style").text)
    [policy] = [each for each in page.all("meta") if "http-equiv" in each.attributes]
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_same_page_on_every_machine(tmp_path: Path, repository: Path) -> None:
    """The order of sets, time zones, languages and folders leave no trace."""
    code = (
        "import sys\nfrom dataclasses import replace\nfrom tests.reports import *\n"
        "subject = subject_of(SPEC + 'target: {io: external}\\n')\n"
        "report = replace(report_of(subject, depth=(1, 1)), boards=(board('portable', 2),))\n"
        "sys.stdout.buffer.write(report_html(report, subject).encode())\n"
    )
    pages = set()
    for seed, zone, folder in (("1", "UTC", repository), ("2", "Asia/Tokyo", tmp_path)):
        environment = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C", "PYTHONPATH": str(repository)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=True
        )
        pages.add(done.stdout)
    [page] = pages
    assert page.endswith(b"</html>\n")
    assert os.fsencode(str(repository)) not in page


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a small net with random weights once."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed: builds need the `train` extra")
    from netspec.train.weights import write_npz

    folder = tmp_path_factory.mktemp("report")
    (folder / "net.yaml").write_text(SPEC, encoding="utf-8")
    graph = check(load(folder / "net.yaml")).graph
    write_npz(random_weights(graph, np.random.default_rng(0)), folder / "w.npz")
    netspec("build", "net.yaml", "--weights", "w.npz", folder=folder)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "project"))


def verdict(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "build" / "net" / VERDICT_FILE).read_text(encoding="utf-8"))
    return found


def test_a_build_leaves_a_report_and_verify_the_same(project: Path) -> None:
    path = project / "build" / "net" / REPORT_FILE
    before = path.read_bytes()
    page = read_page(before.decode("utf-8"))
    assert verdict_of(page).classes == ["verdict", "good"]
    stages = verdict(project)["stages"]
    assert [row[0] for row in page.section("What was compared").rows[1:]] == [each["stage"] for each in stages]
    manifest = json.loads((project / "build" / "net" / "manifest.json").read_text(encoding="utf-8"))
    assert REPORT_FILE not in manifest["files"]
    assert page.one("footer").text.count(manifest["versions"]["numpy"])
    path.write_text("somebody else's")
    assert "0 mismatches" in netspec("verify", "build/net", folder=project)
    assert path.read_bytes() == before


def test_a_report_that_is_gone_is_no_drift(project: Path) -> None:
    (project / "build" / "net" / REPORT_FILE).unlink()
    assert "drift" not in netspec("verify", "build/net", folder=project)


def test_drift_is_on_the_page(project: Path) -> None:
    (project / "build" / "net" / "firmware" / "net.c").unlink()
    netspec("verify", "build/net", folder=project, expect=1)
    page = read_page((project / "build" / "net" / REPORT_FILE).read_text(encoding="utf-8"))
    assert "firmware/net.c is missing" in verdict_of(page).text


def test_no_report_outlives_a_verification_that_fails(project: Path) -> None:
    (project / "build" / "net" / "manifest.json").write_text("{}")
    netspec("verify", "build/net", folder=project, expect=3)
    assert not (project / "build" / "net" / REPORT_FILE).exists()
    assert not (project / "build" / "net" / VERDICT_FILE).exists()


def test_a_browser_takes_the_page_as_it_is(tmp_path: Path) -> None:
    """Chromium mends nothing in it, has nothing to say of it and fetches nothing for it."""
    report, subject = hostile()
    report = replace(report, boards=(*report.boards, board("portable", 2), board("CMSIS-NN 7.x", 1)))
    text = report_html(report, subject)
    (tmp_path / "report.html").write_text(text, encoding="utf-8", newline="\n")
    loaded = load_in_chromium(tmp_path / "report.html", tmp_path / "browser")
    assert loaded.console == []
    assert loaded.requests == []
    assert tags(loaded.dom) == tags(text)


def test_the_browser_would_tell(tmp_path: Path) -> None:
    """What the test above looks for is found where it is."""
    text = '<!DOCTYPE html><p>a<div>b</div></p><img src="http://127.0.0.1:9/x"><script>console.error("seen")</script>'
    (tmp_path / "bad.html").write_text(text, encoding="utf-8")
    loaded = load_in_chromium(tmp_path / "bad.html", tmp_path / "browser")
    assert any("seen" in line for line in loaded.console)
    assert loaded.requests == ["http://127.0.0.1:9/x"]
    assert tags(loaded.dom) != tags(text)
    with pytest.raises(AssertionError, match="inside <p>"):
        read_page(text.replace("<!DOCTYPE html>", "<!DOCTYPE html>\n"))
