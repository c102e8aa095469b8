/* One .npy file of a folder of arrays: the first byte says which array it is, and of what layout the others are. */
#include "fuzz_npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"inputs", "targets", "mask", "lengths", "starts", "w_in"};
    static const unsigned char ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const size_t choice = fuzz_choose(&data, &size, 12), which = choice % 6;
    const bool is_flat = choice >= 6;
    char name[32];
    static size_t last = SIZE_MAX;
    if (!*fuzz_folder) mkdir(fuzz_path("set"), 0700);
    for (size_t i = 0; last != choice && i < 6; i++) { /* what another choice has left */
        snprintf(name, sizeof name, "set/%s.npy", names[i]);
        unlink(fuzz_path(name));
    }
    if (last != choice) {
        fuzz_npy("set/inputs.npy", is_flat ? "(12, 2)" : "(4, 3, 2)", 24, NULL);
        fuzz_npy("set/targets.npy", is_flat ? "(12,)" : "(4, 3)", 12, NULL);
        if (which > 1) fuzz_npy("set/mask.npy", is_flat ? "(12,)" : "(4, 3)", 12, ones);
    }
    last = choice;
    snprintf(name, sizeof name, "set/%s.npy", names[which]);
    fuzz_write(name, data, size);
    const char *const settings[] = {"data.file", fuzz_path("set"), "data.validation_fraction",
                                    "0.5", NULL};
    fuzz_stream("arrays", settings);
    return 0;
}
