/*
 * A results.db of a comparison: opened for writing, as a comparison does that goes on, and summed up, as
 * `compare --table` does. The first byte says what the rest is: the bytes of the file, or cells of a file that is
 * right. A cell is a line: a byte chooses its column, a byte its type, and the rest is its value.
 */
#include "compare/results.h"
#include "compare/store/store.h"
#include "fuzz.h"

#include <sqlite3.h>

/* Tables whose columns take any type: a foreign program can make such. */
static const char filling[] =
    "PRAGMA synchronous = OFF; DROP VIEW results;"
    "INSERT INTO experiment VALUES ('compare.measure', 'validation_loss'), ('compare.final', "
    "'0.5'),"
    " ('compare.smooth', '3'), ('loss', 'mse'), ('loss_unit', 'nats'), ('metric', 'accuracy');"
    "INSERT INTO variants VALUES (1, 0, 'a', 'bptt', '{\"optimiser.lr\": \"1\"}', 5, 10),"
    " (2, 1, 'b', 'rflo', '{\"optimiser.lr\": \"2\"}', 0, NULL);"
    "INSERT INTO settings VALUES (1, 'optimiser.lr', '1'), (1, 'task.name', 'add'),"
    " (1, 'train.report_every', '2'), (2, 'optimiser.lr', '2'), (2, 'network.units', '2');"
    "INSERT INTO runs (variant, seed, status, steps, test_loss) VALUES (1, 1, 'finished', 6, 1),"
    " (1, 2, 'diverged', 6, 2), (2, 1, 'finished', 6, 1), (2, 2, 'waiting', 2, NULL);"
    "INSERT INTO lines (run, step, epoch, train_loss, validation_loss) VALUES (1, 2, 0, 1, 2),"
    " (1, 4, 0, 2, NULL), (1, 6, 0, 3, 4), (2, 2, 0, 1, 1), (3, 3, 0, 1, 1), (3, 6, 0, 1, 2);"
    "CREATE TABLE o1 AS SELECT * FROM experiment; DROP TABLE experiment;"
    "CREATE TABLE o2 AS SELECT * FROM settings; DROP TABLE settings;"
    "CREATE TABLE o3 AS SELECT * FROM lines; DROP TABLE lines;"
    "CREATE TABLE o4 AS SELECT * FROM runs; DROP TABLE runs;"
    "CREATE TABLE o5 AS SELECT * FROM variants; DROP TABLE variants;"
    "ALTER TABLE o1 RENAME TO experiment; ALTER TABLE o2 RENAME TO settings;"
    "ALTER TABLE o3 RENAME TO lines; ALTER TABLE o4 RENAME TO runs;"
    "ALTER TABLE o5 RENAME TO variants; PRAGMA page_size = 512; VACUUM";

static const char *const columns[] = {"experiment SET value",
                                      "variants SET id",
                                      "variants SET position",
                                      "variants SET arm",
                                      "variants SET learner",
                                      "variants SET varied",
                                      "variants SET update_steps",
                                      "settings SET variant",
                                      "variants SET sequence_steps",
                                      "settings SET key",
                                      "settings SET value",
                                      "runs SET id",
                                      "runs SET variant",
                                      "runs SET seed",
                                      "runs SET status",
                                      "runs SET steps",
                                      "runs SET parameters",
                                      "runs SET test_loss",
                                      "runs SET seconds",
                                      "runs SET message",
                                      "runs SET kept",
                                      "runs SET steps_per_second",
                                      "lines SET run",
                                      "lines SET step",
                                      "lines SET epoch",
                                      "lines SET train_loss",
                                      "lines SET validation_loss",
                                      "lines SET steps_per_second",
                                      "lines SET memory_bytes",
                                      "experiment SET key",
                                      "runs SET learner_bytes",
                                      "lines SET learning_rate",
                                      "runs SET memory_bytes"};

/* The file that is right, made once. */
static size_t right_file(const unsigned char **out) {
    static unsigned char bytes[1 << 16];
    static size_t length;
    hth_store *store;
    hth_error error;
    sqlite3 *file;
    *out = bytes;
    if (length) return length;
    /* Let the store make its tables, then fill them. */
    const char *path = fuzz_path("right.db");
    if (hth_store_open(path, &store, &error)) abort();
    hth_store_close(store);
    if (sqlite3_open(path, &file) || sqlite3_exec(file, filling, NULL, NULL, NULL)) abort();
    sqlite3_close(file);
    /* Read its bytes. */
    FILE *from = fopen(path, "rb");
    if (!from) abort();
    length = fread(bytes, 1, sizeof bytes, from);
    fclose(from);
    return length;
}

static void bind_value(sqlite3_stmt *change, char kind, const uint8_t *value, size_t size) {
    char text[40] = "";
    memcpy(text, value, size < sizeof text - 1 ? size : sizeof text - 1);
    switch (kind) {
    case 'i':
        sqlite3_bind_int64(change, 1, strtoll(text, NULL, 10));
        break;
    case 'r':
        sqlite3_bind_double(change, 1, strtod(text, NULL));
        break;
    case 'b':
        sqlite3_bind_blob(change, 1, value, (int)size, SQLITE_STATIC);
        break;
    case 'n':
        sqlite3_bind_null(change, 1);
        break;
    default:
        sqlite3_bind_text(change, 1, (const char *)value, (int)size, SQLITE_STATIC);
    }
}

/* Puts the value into the column of one row, or of all. */
static void change_cell(sqlite3 *file, const uint8_t *line, size_t size) {
    char sql[128];
    sqlite3_stmt *change;
    if (size < 3) return;
    const int row = line[1] % 8;
    snprintf(sql, sizeof sql, "UPDATE %s = ?1 WHERE rowid = %d OR %d = 0",
             columns[line[0] % HTH_COUNT(columns)], row, row);
    if (sqlite3_prepare_v2(file, sql, -1, &change, NULL)) abort();
    bind_value(change, (char)line[2], line + 3, size - 3);
    sqlite3_step(change);
    sqlite3_finalize(change);
}

static void write_cells(const uint8_t *data, size_t size) {
    const unsigned char *right;
    sqlite3 *file;
    const size_t length = right_file(&right);
    fuzz_write("results.db", right, length);
    if (sqlite3_open(fuzz_path("results.db"), &file)) abort();
    if (sqlite3_exec(file, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN", NULL,
                     NULL, NULL))
        abort();
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        const size_t used = end ? (size_t)(end - data) : size;
        change_cell(file, data, used);
        data += used + (end != NULL);
        size -= used + (end != NULL);
    }
    if (sqlite3_exec(file, "COMMIT", NULL, NULL, NULL)) abort();
    sqlite3_close(file);
}

/* ---- Memory of SQLite: taken past the sanitizer, which would be most of the time ---------- */

void *__libc_malloc(size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

enum { HEAD = 16 }; /* bytes before each block, which hold its size */

static void *take(int size) {
    char *block = __libc_malloc((size_t)size + HEAD);
    if (!block) return NULL;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void *take_again(void *memory, int size) {
    char *block = __libc_realloc((char *)memory - HEAD, (size_t)size + HEAD);
    if (!block) return NULL;
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void give(void *memory) {
    __libc_free((char *)memory - HEAD);
}

static int size_of(void *memory) {
    int size;
    memcpy(&size, (char *)memory - HEAD, sizeof size);
    return size;
}

static int rounded(int size) {
    return (size + 7) & ~7;
}

static int begin(void *unused) {
    (void)unused;
    return SQLITE_OK;
}

static void end(void *unused) {
    (void)unused;
}

/* What SQLite holds between inputs. A statement that is not finished would make it grow. */
static sqlite3_int64 prepare_sqlite(void) {
    static const sqlite3_mem_methods methods = {take,    give,  take_again, size_of,
                                                rounded, begin, end,        NULL};
    static bool is_done;
    if (!is_done && (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) || sqlite3_initialize()))
        abort();
    is_done = true;
    return sqlite3_memory_used();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hth_store *store = NULL;
    hth_comparison *comparison = NULL;
    hth_error error = {.message = ""};
    /* Write the file. */
    const sqlite3_int64 held = prepare_sqlite();
    unlink(fuzz_path("results.db-journal"));
    unlink(fuzz_path("results.db-wal"));
    const bool is_cells = fuzz_choose(&data, &size, 2);
    if (is_cells)
        write_cells(data, size);
    else
        fuzz_write("results.db", data, size);
    /* Sum it up. */
    hth_status status = hth_comparison_load(fuzz_folder, NULL, &comparison, &error);
    fuzz_refused(status, &error);
    if (status == HTH_OK) hth_comparison_free(comparison);
    /* Open it for writing: an older layout is brought up. */
    if (!is_cells) {
        status = hth_store_open(fuzz_path("results.db"), &store, &error);
        fuzz_refused(status, &error);
        if (status == HTH_OK) hth_store_close(store);
    }
    if (sqlite3_memory_used() > held) abort();
    return 0;
}
