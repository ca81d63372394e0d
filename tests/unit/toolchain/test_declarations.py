from __future__ import annotations

from netspec.toolchain import _declarations as declarations


def test_declarations_are_told_from_comments_calls_and_inline_functions() -> None:
    text = """
    #define CALL arm_macro_s8(a, \\
                              b);
    /* arm_comment_s8(int a); */ // arm_line_s8(int a);
    extern "C" {
    void arm_nothing_s8(void);
    const int8_t *arm_pointer_s8(const int8_t *a,
                                 int b);
    static inline int arm_inline_s8(int a)
    { int x = arm_called_s8(a); arm_plain_s8(a); return arm_result_s8(x, 1); }
    }
    """
    assert declarations.declared(text) == {"arm_nothing_s8": 0, "arm_pointer_s8": 2}


def test_definitions_are_those_that_other_files_can_call() -> None:
    text = """
    static void arm_hidden_s8(int a) { (void)a; }
    __attribute__((noinline)) arm_cmsis_nn_status arm_open_s8(int a, int b)
    { if (arm_called_s8(a)) { arm_other_s8(b); } return 0; }
    arm_cmsis_nn_status arm_elsewhere_s8(int a);
    """
    assert declarations.defined(text) == {"arm_open_s8": 2}
