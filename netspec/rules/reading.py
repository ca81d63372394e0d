"""Rules of the file: what is no text, no YAML, or more of it than a spec may be."""

from __future__ import annotations

from netspec.rules.entry import Example, Rule, net
from netspec.spec.source import MAX_BYTES
from netspec.spec.yaml.build import MAX_NODES

_LAUGHS = "".join(
    f"  {name}: &{name} [{', '.join([f'*{before}'] * 10) if before else '1, 1, 1, 1, 1, 1, 1, 1, 1, 1'}]\n"
    for before, name in zip(["", *"abcdef"], "abcdefg", strict=True)
)

RULES = (
    Rule(
        "unreadable-file",
        "A file that is not there, or that may not be read.",
        "There is nothing to check, and a hook that passed a missing file would pass a renamed one too.",
        "Check the path and its permissions; a file of nearly the same name is suggested.",
        Example(None, given="nett.yaml", files={"net.yaml": net("- flatten").encode()}, beside="There is a net.yaml."),
    ),
    Rule(
        "merge-conflict",
        "Lines of a merge conflict that nobody resolved.",
        "Both sides stand in the file, and the marks between them are no YAML.",
        "Keep the lines that are meant, and remove the marks.",
        Example("""\
netspec: 1
name: net
inputs: {x: {shape: [4]}}
layers:
<<<<<<< HEAD
  - dense: {units: 2}
=======
  - dense: {units: 3}
>>>>>>> branch
"""),
    ),
    Rule(
        "file-too-large",
        f"A file of more than {MAX_BYTES // 2**20} MiB, or of more than {MAX_NODES:,} keys and values.",
        "That is room for ten thousand layers; a larger file is a model or a data set, given by mistake.",
        "Name the spec, not what it speaks of; write repeated layers with `repeat`.",
        Example("# " + "x" * MAX_BYTES + "\n"),
    ),
    Rule(
        "binary-file",
        "A zero byte in the file.",
        "Text has none: the file is a model or an archive, or it was saved as UTF-16.",
        "Name the spec, and save it as UTF-8.",
        Example(b"PK\x03\x04\x00\x00"),
    ),
    Rule(
        "not-utf8",
        "Bytes that are not UTF-8 text.",
        "YAML is read as UTF-8; in another encoding names and comments would be read wrongly.",
        "Save the file as UTF-8.",
        Example(net("- flatten").encode() + b"description: K\xf6ln\n"),
    ),
    Rule(
        "unprintable",
        "A control character, or another one that no editor shows.",
        "Two specs that look alike would differ, and some of these characters end lines in YAML 1.1 alone.",
        "Remove it; in double quotes, write the escape of what is meant.",
        Example(net("- flatten", "description: low\x0cpass")),
    ),
    Rule(
        "empty-file",
        "A file without a spec, or with comments only.",
        "Nothing would be checked.",
        "Start with `netspec: 1`, `name:`, `inputs:` and `layers:`.",
        Example("# a net, one day\n"),
    ),
    Rule(
        "not-a-mapping",
        "A file that is a list or a single value.",
        "A spec is a mapping: its keys say what each part is.",
        "Put the list under `layers:`, with the other required keys before it.",
        Example("- dense: {units: 4}\n- softmax\n"),
    ),
    Rule(
        "several-documents",
        "A second YAML document, after a line `---`.",
        "A file holds one net; the second would be passed over by whoever reads the first.",
        "Move it to a file of its own.",
        Example(net("- flatten") + "---\n" + net("- flatten")),
    ),
    Rule(
        "yaml-syntax",
        "Text that is not YAML.",
        "A parser notices a slip late, so the finding names the likely one: a bracket left open, a space forgotten.",
        "Write what the help says; text with punctuation goes in quotes.",
        Example(net("- conv2d: {filters: 8, kernel_size: [3, 3}")),
    ),
    Rule(
        "yaml-tab",
        "A tab where YAML counts spaces.",
        "Editors show tabs as different widths, and YAML forbids them in indentation.",
        "Indent by spaces.",
        Example(net("- dense:\n\t  units: 4")),
    ),
    Rule(
        "yaml-tag",
        "A tag such as `!!python/object`.",
        "A spec is plain data: nothing in it is constructed or run.",
        "Remove the tag, or put the value in quotes if it is text.",
        Example(net("- dense: {units: !!int 4}")),
    ),
    Rule(
        "repeated-key",
        "A key that stands twice in one mapping.",
        "YAML readers keep one of the two, and not all the same.",
        "Remove one of them.",
        Example(net("- dense: {units: 4, units: 8}")),
    ),
    Rule(
        "key-not-a-string",
        "A key that is a number, a list, a mapping or nothing.",
        "All keys of the language are names.",
        "Write the name; put it in quotes if it looks like a number.",
        Example(net("- dense: {units: 4}", "train: {data: {npz: data.npz}, loss: {0: mse}}")),
    ),
    Rule(
        "leading-zero",
        "An integer such as `010`.",
        "YAML 1.1 takes it for 8 and YAML 1.2 for 10; one file must not mean two nets.",
        "Write it without the zero.",
        Example(net("- dense: {units: 010}")),
    ),
    Rule(
        "integer-too-large",
        "An integer that does not fit 64 bits.",
        "No size is as large, and tools downstream would round it.",
        "Write the number that is meant, or put it in quotes if it is text.",
        Example(net("- dense: {units: 99999999999999999999}")),
    ),
    Rule(
        "not-finite",
        "`.inf`, `.nan`, or a number too large for a double.",
        "Every number of a net is finite; one that is not comes out of a training run as NaN everywhere.",
        "Leave the key out where there is no limit.",
        Example(net("- relu: {max_value: .inf}")),
    ),
    Rule(
        "merge-key",
        "A merge key `<<` whose value is no mapping.",
        "It brings in the keys of mappings, and there are none.",
        "Name a mapping by its alias: `<<: *defaults`.",
        Example(net("- dense: {<<: 8, units: 4}")),
    ),
    Rule(
        "unknown-alias",
        "An alias such as `*wide` without an anchor `&wide` before it.",
        "It stands for nothing.",
        "Mark the value by `&wide` above, use `vars` and `$wide`, or put text that begins with `*` in quotes.",
        Example(net("- dense: {units: *wide}")),
    ),
    Rule(
        "recursive-alias",
        "An alias inside the value that it repeats.",
        "Written out it would never end.",
        "Write out what is meant.",
        Example(net("- dense: {units: 4}", "vars: &all {sizes: [*all]}")),
    ),
    Rule(
        "alias-expansion",
        "Aliases of aliases that stand for hundreds of thousands of values.",
        "A few lines would fill the memory of whoever reads them (the billion laughs).",
        "Write less by aliases of aliases; `repeat` and `blocks` repeat layers.",
        Example(f"vars:\n{_LAUGHS}" + net("- flatten")),
    ),
    Rule(
        "too-deep",
        "Lists and mappings nested more than 100 deep, or blocks and repeats more than 32 deep.",
        "No net is, and a reader that follows would run out of stack.",
        "Nest less.",
        Example(net("- flatten", f"outputs: {'[' * 101}{']' * 101}")),
    ),
)
