/* IDX files: the first byte says which of the two, and how images are read. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const ways[] = {"rows", "columns", "pixels"};
    static const unsigned char images[28] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2};
    static const unsigned char labels[11] = {0, 0, 8, 1, 0, 0, 0, 3, 0, 1, 1};
    const size_t choice = fuzz_choose(&data, &size, 6);
    static size_t last = SIZE_MAX;
    if (last != choice) {
        fuzz_write("images", images, sizeof images);
        fuzz_write("labels", labels, sizeof labels);
    }
    last = choice;
    fuzz_write(choice < 3 ? "images" : "labels", data, size);
    const char *const settings[] = {"data.file",
                                    fuzz_path("images"),
                                    "data.by",
                                    ways[choice % 3],
                                    "data.validation_fraction",
                                    "0.4",
                                    NULL};
    fuzz_stream("images", settings);
    return 0;
}
