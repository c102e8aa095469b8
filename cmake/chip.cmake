# Cross-builds of the core for chips without an operating system, on Debian: gcc-arm-none-eabi or
# gcc-riscv64-unknown-elf, with picolibc or newlib; tests run on boards that qemu-system-arm and -riscv32 emulate.
#
#     cmake -B build-chip --toolchain cmake/chip.cmake -DHTH_CHIP=cortex-m4f -DHTH_CORE_ONLY=ON -DHTH_PRECISION=single
#
#     cortex-m4f   ARM, single precision in hardware, with fused multiply-add
#     cortex-m33   ARM, the same
#     cortex-m0    ARM, no floating point in hardware (M0, M0+)
#     microbit     the same with 16 KB of RAM and 256 KB of flash: takes a few parts (HTH_CELLS, ...)
#     rv32imafc    RISC-V of 32 bits, single precision in hardware
set(HTH_CHIP cortex-m4f CACHE STRING "cortex-m4f, cortex-m33, cortex-m0, microbit or rv32imafc")
set(HTH_CHIP_LIBRARY picolibc CACHE STRING "picolibc or newlib")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HTH_CHIP HTH_CHIP_LIBRARY)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # nothing can be linked without the map of a board
set(CMAKE_BUILD_TYPE MinSizeRel CACHE STRING "")

# The compiler's flags; the board, and where its flash and its RAM are and how large.
set(cortex_m0 "-mcpu=cortex-m0 -mthumb -mfloat-abi=soft")
set(chip_cortex-m4f arm "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"
    mps2-an386 0 4M 0x20000000 4M)
set(chip_cortex-m33 arm "-mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16"
    mps2-an505 0x10000000 4M 0x38000000 2M)
set(chip_cortex-m0 arm "${cortex_m0}" mps2-an385 0 4M 0x20000000 4M)
set(chip_microbit arm "${cortex_m0}" microbit 0 256K 0x20000000 16K)
set(chip_rv32imafc riscv32 "-march=rv32imafc -mabi=ilp32f -mcmodel=medany" virt 0x80000000 4M 0x80400000 4M)
if(NOT DEFINED chip_${HTH_CHIP})
    message(FATAL_ERROR "HTH_CHIP is '${HTH_CHIP}'; it must be cortex-m4f, cortex-m33, cortex-m0, microbit or "
        "rv32imafc")
endif()
list(POP_FRONT chip_${HTH_CHIP} CMAKE_SYSTEM_PROCESSOR flags board flash flash_size ram ram_size)

set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(bios)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL riscv32)
    set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
    set(bios -bios none)
endif()
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-system-${CMAKE_SYSTEM_PROCESSOR} -M ${board} ${bios} -nographic -monitor none
    -serial none -semihosting-config enable=on,target=native -kernel)

# The C library, and what links a program for the board: output goes to the emulator.
set(link "-Wl,--gc-sections")
if(HTH_CHIP_LIBRARY STREQUAL picolibc)
    string(APPEND flags " --specs=picolibc.specs")
    string(APPEND link " --crt0=hosted --oslib=semihost -Wl,--defsym=__flash=${flash}"
        ",--defsym=__flash_size=${flash_size},--defsym=__ram=${ram},--defsym=__ram_size=${ram_size}"
        ",--defsym=__stack_size=1K")
elseif(HTH_CHIP_LIBRARY STREQUAL newlib)
    string(APPEND link " --specs=nano.specs --specs=nosys.specs -u _printf_float")
else()
    message(FATAL_ERROR "HTH_CHIP_LIBRARY is '${HTH_CHIP_LIBRARY}'; it must be picolibc or newlib")
endif()
set(CMAKE_C_FLAGS_INIT "${flags} -ffunction-sections -fdata-sections")
set(CMAKE_EXE_LINKER_FLAGS_INIT "${link}")
