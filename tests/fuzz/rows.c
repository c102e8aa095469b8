/* Rows that arrive: the first byte says in which format, and what is read. */
#include "data/rows.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const targets[] = {"1", "a", "2-3", "b"}, *const classes[] = {"", "", "2",
                                                                                     "up,down"};
    const size_t choice = fuzz_choose(&data, &size, 96), kind = choice % 4;
    const hth_row_options options = {.target = targets[kind],
                                     .inputs = choice & 4 ? "1" : "",
                                     .id = choice & 8 ? "a" : "",
                                     .classes = classes[kind],
                                     .ahead = choice & 8 ? 0 : 1,
                                     .late = 2,
                                     .columns = 3,
                                     .format = (int)(choice / 16)};
    fuzz_write("rows", data, size);
    hth_rows *rows = NULL;
    hth_error error = {.message = ""};
    const hth_row_source source = {open(fuzz_path("rows"), O_RDONLY | O_CLOEXEC), "rows", NULL,
                                   NULL};
    hth_status status = hth_rows_open(&options, &source, &rows, &error);
    for (bool found = status == HTH_OK && rows; found;) {
        hth_row row;
        status = hth_rows_next(rows, &row, &found, &error);
        found = found && status == HTH_OK;
    }
    fuzz_refused(status, &error);
    hth_rows_close(rows);
    close(source.file);
    return 0;
}
