# Cross-builds of the core for WebAssembly, on Debian: clang, lld, wasi-libc and libclang-rt-14-dev-wasm32.
# scripts/web-page uses it.
set(CMAKE_SYSTEM_NAME Generic) # no shared libraries
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_EXECUTABLE_SUFFIX_C .wasm)
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
