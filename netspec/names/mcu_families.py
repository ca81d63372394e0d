"""The cores of microcontrollers, by how their names begin: what to write for `core: stm32h7`.

Sources are the manufacturers' product pages. Of a chip with several cores it is the one that runs the program.
"""

from __future__ import annotations

import re

_CORES = """
cortex-m0: stm32f0 nrf51 lpc11 lpc12 xmc1 psoc4 nuc1 m051 m030 m031 gd32f0 apm32f030 da1458 da14531 microbit1
    microbitv1 mm32f0 mm32l0 n32g031 hk32f0 cy8c4 sc000 m1 armv6m nano100
cortex-m0+: stm32c0 stm32g0 stm32l0 stm32u0 stm32wb0 rp2040 pico raspberrypipico samd0 samd1 samd2 samd(?!5) samda
    saml2 samc sam(?:r2|r3) atsamd1 atsamd2 atsaml2 atsamc pic32cmmc pic32cmjh pic32cm lpc8 lpc51 lpc11u6 kl mkl ke0
    mke0 mke1\\dz kw3 kw4[01] mkw4 kv1 mkv1 mcxc s32k11 efm32zg efm32hg efm32tg11 mspm0 cc23 at32l0 at32f4212 py32
    apm32f003 hc32l arduinozero mkr teensylc ra0 ra2 saml1 atsaml1 m23 m2(?:51|52|54|61|6[12]|5\\d) gd32e23 gd32l23
    numicrom2 armv8mbase pic32cmls psoc4hv traveom0 cyt2.*m0 synergys1 s124 s128 mcxl
cortex-m3: stm32f1 stm32f2 stm32l1 stm32w1 sam3 atsam3 arduinodue lpc13 lpc15 lpc17 lpc18 efm32tg efm32g[^g] efm32g$
    efm32lg efm32gg(?!11|12) efm32jg psoc5 cy8c5 cc1310 cc1350 cc2640 cc2650 lm3s gd32f1 gd32f2 ch32f1 ch32f2
    apm32f1 aducm3 mm32f103 air32 rtl8710 rtl8195 w600 max32550 sc300 armv7m bluepill fm3 tm3c
cortex-m4: stm32f3 stm32f4 stm32g4 stm32l4 stm32wb stm32wl stm32mp1 nrf52 samd5 atsamd5 same5 atsame5 sam4 atsam4
    samg atsamg pic32cx lpc40 lpc43 lpc54 mk[0-9] k[1-9]\\d k2[0-9] kinetis kv3 kv4 mkv3 mkv4 ke1 mke1 kw2 mkw2
    s32k14 mcxe2 imx6 imx7 imx8 ra4m1 ra4w1 ra6m[123] ra6t1 synergy s3a s5d s7g efm32gg11 efm32gg12 efm32wg efm32pg1
    efr32..1 efr32[a-z]g1 bgm1 mgm1 siwx917 siwg917 psoc6 cy8c6 xmc4 apollo[1-4](?!\\d) apollo$ apollo3 apollo2
    ama3b ama4b max326 max780 max32 aducm4 msp432 cc13 cc26 cc32 tm4c lm4f gd32f3 gd32f4 gd32e1 gd32c1 at32f4
    m4[0-9][0-9] numicrom4 apm32f4 hc32f4 n32g4 cxd56 spresense teensy3 arduinonano33 nano33 nicla unor4
    arduinounor4 microbit asr66 sparkfunedge fm4 armv7em blackpill tms470m
cortex-m7: stm32f7 stm32h7 same7 atsame7 sams7 atsams7 samv7 atsamv7 pic32cz imxrt1 mimxrt1 rt1[01] imxrt$ imx8mp
    imx95 kv5 mkv5 s32k3 mcxe3 xmc7 traveo cyt3 cyt4 gd32h7 teensy4 portenta giga arduinogiga opta arduinoportenta
cortex-m33: stm32l5 stm32u3 stm32u5 stm32h5 stm32c5 stm32wba stm32mp2 nrf53 nrf54 nrf91 nrf92 rp2350 rp235 pico2
    raspberrypipico2 lpc55 imxrt5 imxrt6 imxrt7 mimxrt5 mimxrt6 mimxrt7 rt[567]\\d\\d imx93 mcxn mcxa mcxw kw45 kw47
    k32w ra4 ra6 efm32pg2 efr32..2 efr32[a-z]g2 bgm2 mgm2 sixg3 psocc3 psoccontrol cyw20829 da1469 da1470 cc27
    gd32e5 gd32w5 gd32f5 gd32g5 gd32a5 rtl872 m35p starmc1 at32m armv8mmain
cortex-m55: stm32n6 alif ensemble balletto ae[1357] aecortexm55 psocedge pse8 apollo5 apollo33 ap510 himax hx6538
    wiseeye2 grovevision m52 m55m1 numicrom55 corstone300 mps3an547 armv81mmain
cortex-m85: stm32v8 ra8 corstone310 corstone315
"""

_OTHERS = """
Xtensa cores: esp32s esp32$ esp32(?![chp]) esp8266 esp8285 xtensa hifi
RISC-V cores: esp32c esp32h esp32p ch32v ch32x ch32h ch5[6-9] gd32v riscv rv32 rv64 sifive fe310 gap8 gap9
    greenwaves k210 k230 kendryte bl602 bl616 bl70 bl808 hpm5 hpm6 tlsr9 cv1800 sg2002 milkv hazard3 wch
AVR cores: avr atmega attiny atxmega arduinouno uno arduinonano$ arduinomega
PIC cores: pic1 pic24 dspic pic8
MIPS cores: pic32mx pic32mz pic32mk mips pic32
a Cortex-A: cortexa a5[0-9] a7[0-9] sama5 sama7 raspberrypi(?!pico) bcm2 stm32mp13 rza am335 am62 jetson zynq
a Cortex-R: cortexr tms570 am24 am26 rzt rzn tms570
an NPU: ethos hailo coral edgetpu kl[578]\\d0 akida
the RX core: rx[1-9] rxv
the RL78 core: rl78 r5f1
an MSP430 core: msp430
an 8-bit core: 8051 efm8 stm8 s08 z80 ch55 n76 hc08
a C28x core: c2000 tms320 f28
a TriCore: aurix tc[23]\\d\\d tricore
an ARC core: arc himaxwe1 hx6537
a core of its own: tlsr8 propeller xs1 xcore xmos w800 blackfin sharc
an ARM9: at91sam9 sam9 bk7231 n9 arm9
an x86: x86 i386 amd64 intel
"""


def _table(text: str) -> list[tuple[re.Pattern[str], str]]:
    joined = re.sub(r"\n    ", " ", text.strip())
    found = []
    for line in joined.split("\n"):
        what, _, patterns = line.partition(": ")
        found += [(re.compile(pattern), what) for pattern in patterns.split()]
    return found


_ARM = re.compile(r"(?:arm)?(?:cortex)?c?m(0\+|0plus|0p|0|3|4|7|33|55|85)f?")
_LEADS = re.compile(
    r"^(?:st(?=stm)|nordic|nxp|microchip|atmel|renesas|ambiq|infineon|cypress|espressif|silabs|ti(?=[cm])|maxim|adi)"
)


_FAMILIES = (
    *("stm32", "stm", "nrf", "nrf5", "sam", "samd", "saml", "atsam", "imx", "lpc", "efm32", "efr32", "psoc", "ra"),
    *("gd32", "at32", "apm32", "hc32", "numicro", "renesas", "nxp", "nordic", "mcx", "silabs", "infineon", "microchip"),
    *("raspberry", "arduino", "teensy", "ti", "adi", "maxim", "cortexm", "arm", "ch32", "ch32f"),
)


def core_help(word: str) -> str | None:
    """Return what to write for the name of a microcontroller, a board or another core; None if nobody knows it."""
    plain = re.sub(r"[^a-z0-9+]", "", word.lower())
    arm = _ARM.fullmatch(plain)
    if arm is not None:
        return f"write `core: cortex-m{arm[1].replace('plus', '+').replace('0p', '0+')}`"
    if plain in _FAMILIES:
        return f"chips of {_shown(word)} have several cores: write yours, such as `core: cortex-m4`"
    if not plain.startswith(("cortexa", "cortexr")):
        plain = _LEADS.sub("", plain).removeprefix("cortex")
    found = _longest(plain, _table(_CORES) + _table(_OTHERS))
    if found is None:
        return None
    if found.startswith("cortex-m"):
        return f"{_shown(word)} runs code for a {found.title()}: write `core: {found}`"
    if found == "an NPU":
        return f"{_shown(word)} is an NPU, which a spec does not plan for: write the core beside it"
    return (
        f"{_shown(word)} has {found} and no Cortex-M, which a spec plans for; the emitted C99 compiles for it as well, "
        "and `core: cortex-m0` counts its portable kernels"
    )


def _longest(plain: str, table: list[tuple[re.Pattern[str], str]]) -> str | None:
    """Return what the pattern says that takes most of the word."""
    found = [(match.end(), what) for pattern, what in table if (match := pattern.match(plain))]
    return max(found, key=lambda each: each[0])[1] if found else None


def _shown(word: str) -> str:
    return word if len(word) <= 30 else f"{word[:30]}..."
