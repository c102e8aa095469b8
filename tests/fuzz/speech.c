/* One file of a small corpus of speech: features (Sphinx, HTK), sound, a label table, a master label file, a .phn file,
 * a list, the names of phones. The first byte says which. */
#include "fuzz.h"

static void write_features(const char *name) {
    static const unsigned char frames[4 + 4 * 12] = {0, 0, 0, 12};
    fuzz_write(name, frames, sizeof frames);
}

/* 1200 bytes of silence. */
static void write_sound(const char *name) {
    unsigned char wav[44 + 1200] = "RIFF";
    memcpy(wav + 4, "\xd4\x04\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00", 20);
    memcpy(wav + 24,
           "\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00"
           "data\xb0\x04\x00\x00",
           20);
    fuzz_write(name, wav, sizeof wav);
}

static const char *const names[] = {"f/a.mfc", "f/a.htk", "f/a.wav", "labels",
                                    "labels",  "f/a.phn", "list",    "phones"};

/* The files that stand around the one that is tried. */
static void write_corpus(size_t which) {
    if (!*fuzz_folder) mkdir(fuzz_path("f"), 0700);
    for (size_t i = 0; i < 6; i++) unlink(fuzz_path(names[i]));
    write_features("f/a.mfc");
    write_features("f/b.mfc");
    fuzz_text("labels", "a 0 2 x\na 2 4 y\nb 0 4 y\n");
    fuzz_text("phones", "x\ny\n");
    fuzz_text("f/a.phn", "0 300 x\n300 600 y\n");
    if (which == 5) write_sound("f/a.wav");
    fuzz_text("list", which == 1 || which == 2 || which == 5 ? "a\n" : "a\nb\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const endings[] = {"mfc", "htk", "wav", "mfc", "mfc", "wav", "mfc", "mfc"};
    static size_t last = SIZE_MAX;
    const size_t which = fuzz_choose(&data, &size, 8);
    char other[16];
    if (last != which) write_corpus(which);
    last = which;
    fuzz_write(names[which], data, size);
    snprintf(other, sizeof other, "%s", which == 5 || which == 2 ? "" : "labels");
    const char *const settings[] = {"data.features",
                                    fuzz_path("f"),
                                    "data.extension",
                                    endings[which],
                                    "data.labels",
                                    *other ? fuzz_path(other) : "",
                                    "data.train",
                                    fuzz_path("list"),
                                    "data.validate",
                                    fuzz_path("list"),
                                    "data.channels",
                                    "3",
                                    "data.phones",
                                    which == 7 ? fuzz_path("phones") : "",
                                    NULL};
    fuzz_stream("speech", settings);
    return 0;
}
