/* A CSV table: the first byte says what is asked of it. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const inputs[] = {"", "a", "b, a", "c"};
    const size_t choice = fuzz_choose(&data, &size, 8);
    fuzz_write("t.csv", data, size);
    const char *const settings[] = {"data.file",
                                    fuzz_path("t.csv"),
                                    "data.target",
                                    "a",
                                    "data.inputs",
                                    inputs[choice % 4],
                                    "data.ahead",
                                    choice < 4 ? "1" : "0",
                                    "data.validation_fraction",
                                    "0.3",
                                    NULL};
    fuzz_stream("table", settings);
    return 0;
}
