/* One .npy file of a folder of events: the first byte says which. */
#include "fuzz_npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"set/times.npy", "set/units.npy", "set/starts.npy",
                                        "set/labels.npy"};
    static const unsigned char times[8] = {3, 1, 0, 9, 2, 2, 7, 5}, starts[4] = {0, 2, 2, 7};
    static const unsigned char labels[4] = {0, 1, 1, 0};
    const size_t choice = fuzz_choose(&data, &size, 8);
    static size_t last = SIZE_MAX;
    if (!*fuzz_folder) mkdir(fuzz_path("set"), 0700);
    if (last != choice % 4) {
        fuzz_npy("set/times.npy", "(8,)", 8, times);
        fuzz_npy("set/units.npy", "(8,)", 8, times);
        fuzz_npy("set/starts.npy", "(4,)", 4, starts);
        fuzz_npy("set/labels.npy", "(4,)", 4, labels);
    }
    last = choice % 4;
    fuzz_write(names[choice % 4], data, size);
    const char *const settings[] = {"data.file",
                                    fuzz_path("set"),
                                    "data.dt",
                                    "2",
                                    choice < 4 ? "data.steps" : "data.align",
                                    choice < 4 ? "5" : "true",
                                    "data.channels",
                                    choice % 4 == 1 ? "0" : "10",
                                    "data.validation_fraction",
                                    "0.5",
                                    NULL};
    fuzz_stream("events", settings);
    return 0;
}
