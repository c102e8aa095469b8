/* An .npz archive as it is. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_write("a.npz", data, size);
    const char *const settings[] = {"data.file", fuzz_path("a.npz"), "data.validation_fraction",
                                    "0.5", NULL};
    fuzz_stream("arrays", settings);
    return 0;
}
