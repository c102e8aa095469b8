/* A text, plain or packed, by words or by characters. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const size_t choice = fuzz_choose(&data, &size, 4);
    fuzz_write("t.txt", data, size);
    if (choice < 2) fuzz_text("v.txt", "a b c\nd a b\n");
    if (choice >= 2) fuzz_write("v.txt", data, size);
    fuzz_path("");
    const char *const settings[] = {"data.dir",
                                    fuzz_folder,
                                    "data.train",
                                    "t.txt",
                                    "data.validate",
                                    "v.txt",
                                    "data.level",
                                    choice % 2 ? "character" : "word",
                                    NULL};
    fuzz_stream("text", settings);
    return 0;
}
