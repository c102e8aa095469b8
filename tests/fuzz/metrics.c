/* Lines of metrics.jsonl: read whole, then cut off and gone on from, as a resumed run does. */
#include "files/lines.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hth_line *lines = NULL;
    size_t count = 0;
    FILE *file = NULL;
    hth_error error = {.message = ""};
    const hth_progress line = {.step = 7, .metric = "accuracy"};
    fuzz_write("m.jsonl", data, size);
    hth_status status = hth_metrics_read(fuzz_path("m.jsonl"), &lines, &count, NULL, &error);
    fuzz_refused(status, &error);
    if (status == HTH_OK) free(lines);
    status = hth_metrics_open(fuzz_path("m.jsonl"), 20, NULL, &file, &error);
    fuzz_refused(status, &error);
    if (status != HTH_OK) return 0;
    if (hth_metrics_append(file, &line, &error)) abort();
    fclose(file);
    return 0;
}
