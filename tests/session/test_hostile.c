/* Whole numbers of a checkpoint that mean something else than they should: whoever goes on from it refuses it or goes
 * on, and reads no memory that is not there (a sanitizer sees that). */
#include "runs.h"
#include "session/checkpoint.h"

#include <math.h>

#define ADD                                                                                        \
    "task=add loss=softmax network.units=4 train.batch=2 train.validation_steps=10 "               \
    "train.steps=30 "
#define TEXT                                                                                       \
    "data=text network.units=4 network.embedding=3 train.batch=2 train.validation_steps=16 "       \
    "train.steps=30 learner.steps=6 "

/* What has counters in its state: windows, kernels, noise, synthetic gradients, curricula, places in data, rows of an
 * embedding, and who looks on. */
static const char *const lines[] = {
    ADD "learner=f-bptt learner.steps=2 learner.window=5",
    ADD "learner=tbptt-k1-k2 learner.steps=2 learner.window=5",
    ADD "learner=tbptt learner.steps=4 train.align=20 train.align_window=8 train.align_horizon=4 "
        "train.align_learners=rflo,f-bptt",
    ADD "learner=kernl",
    ADD "learner=uoro network.dropout=0.2",
    ADD "learner=dni learner.steps=3",
    ADD "learner=rtrl cell=alif cell.refractory=3 cell.v_th=0.2",
    "task=copy-repeat loss=sigmoid cell=lstm network.units=4 learner=tbptt learner.steps=4 "
    "train.steps=30",
    "task=pattern task.steps=12 network.units=4 learner=eprop1 learner.steps=5 train.steps=30 "
    "learner.update=sequence train.validate_every=-1",
    "task=store-recall network.units=4 cell=lif learner=eprop1 train.steps=40 "
    "train.validate_every=-1",
    TEXT "learner=tbptt",
    TEXT "learner=tbptt learner.update=sequence optimiser=sgd train.validate_every=-1",
    TEXT "learner=f-bptt learner.steps=2 learner.window=6",
};

/* A checkpoint as fields that can be changed. */
typedef struct contents {
    hth_safetensors *file;
    hth_field *fields;
    hth_metadata metadata[300];
    size_t count, texts;
} contents;

static void read_checkpoint(const char *path, contents *c) {
    hth_error error;
    if (hth_safetensors_open(path, &c->file, &error)) fail_msg("%s", error.message);
    const hth_tensor *tensors = hth_safetensors_list(c->file, &c->count);
    c->fields = calloc(c->count, sizeof *c->fields);
    for (size_t i = 0; i < c->count; i++) {
        const char *type = tensors[i].dtype;
        const bool real = type[0] == 'F' && (type[1] == '6') == (sizeof(hth_real) == 8);
        c->fields[i] = (hth_field){.dtype = real             ? HTH_DTYPE_REAL
                                            : type[0] == 'F' ? HTH_DTYPE_F64
                                            : type[0] == 'U' ? HTH_DTYPE_U64
                                                             : HTH_DTYPE_I32,
                                   .count = (size_t)tensors[i].count,
                                   .data = calloc((size_t)tensors[i].count + 1, 8)};
        snprintf(c->fields[i].name, sizeof c->fields[i].name, "%s", tensors[i].name);
    }
    assert_int_equal(hth_safetensors_restore(c->file, c->fields, c->count, 0, &error), HTH_OK);
    c->texts = 0;
    for (size_t i = 0; hth_safetensors_metadata_at(c->file, i, &c->metadata[c->texts]); i++)
        c->texts += strcmp(c->metadata[c->texts].key, "digest") != 0;
}

static void free_checkpoint(contents *c) {
    for (size_t i = 0; i < c->count; i++) free(c->fields[i].data);
    free(c->fields);
    hth_safetensors_close(c->file);
}

static void put(hth_field *field, size_t index, uint64_t value) {
    if (field->dtype == HTH_DTYPE_U64)
        ((uint64_t *)field->data)[index] = value;
    else
        ((int32_t *)field->data)[index] = (int32_t)value;
}

static uint64_t get(const hth_field *field, size_t index) {
    return field->dtype == HTH_DTYPE_U64 ? ((uint64_t *)field->data)[index]
                                         : (uint64_t)((int32_t *)field->data)[index];
}

/* Goes on from the checkpoint for a few steps; how it ends does not matter. */
static void go_on(const char *line, const contents *c, size_t *refused, size_t *taken) {
    char longer[1000], path[320];
    hth_ending ending;
    hth_error error = {0};
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", scratch_path("hostile"));
    assert_int_equal(
        hth_safetensors_write(path, c->fields, c->count, c->metadata, c->texts, &error), HTH_OK);
    snprintf(longer, sizeof longer, "%s train.steps=42", line);
    const hth_status status = train_line(longer, "hostile", true, NULL, &ending, &error);
    if (status != HTH_OK) assert_true(error.message[0] != '\0');
    *refused += status != HTH_OK;
    *taken += status == HTH_OK;
}

static void no_number_leads_astray(void **state) {
    (void)state;
    static const uint64_t values[] = {1, 10, UINT64_MAX};
    size_t refused = 0, taken = 0;
    for (size_t i = 0; i < HTH_COUNT(lines); i++) {
        char line[800];
        contents c;
        snprintf(line, sizeof line, "%s%s%s", lines[i],
                 strstr(lines[i], "data=text") ? " data.dir=" : "",
                 strstr(lines[i], "data=text") ? scratch_path("corpus") : "");
        scratch_remove_tree(scratch_path("hostile"));
        train_whole(line, "hostile");
        read_checkpoint(scratch_path("hostile/checkpoint.safetensors"), &c);
        for (size_t f = 0; f < c.count; f++) {
            hth_field *field = &c.fields[f];
            const bool whole = field->dtype == HTH_DTYPE_U64 || field->dtype == HTH_DTYPE_I32;
            if (!whole || strncmp(field->name, "run.", 4) == 0) continue;
            for (size_t k = 0; k < field->count; k += 1 + field->count / 3)
                for (size_t v = 0; v < HTH_COUNT(values); v++) {
                    const uint64_t before = get(field, k);
                    put(field, k, values[v]);
                    go_on(line, &c, &refused, &taken);
                    put(field, k, before);
                }
        }
        free_checkpoint(&c);
    }
    assert_true(refused > 10 && taken > 10);
}

static int set_up(void **state) {
    return scratch_make(state) || write_corpus();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_number_leads_astray)};
    return cmocka_run_group_tests(tests, set_up, scratch_remove);
}
