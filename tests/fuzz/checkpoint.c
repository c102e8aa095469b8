/* A run's checkpoint, of one of several learners (the first byte): it is refused, or the run goes on from it. */
#include "session/checkpoint.h"
#include "files/tensors.h"
#include "fuzz.h"
#include "settings/config.h"

enum { KINDS = 4 };

/* Small runs whose checkpoints have counters of every kind. */
static const char *const lines[KINDS][8] = {
    {"task=add", "learner=rtrl"},
    {"task=pattern", "task.steps=12", "learner=f-bptt", "learner.window=6", "learner.steps=2"},
    {"task=add", "learner=uoro", "optimiser=adam"},
    {"task=copy-repeat", "learner=eprop3", "learner.steps=3", "learner.sg_hidden=2"},
};

static hth_config *configure(size_t kind) {
    hth_config *config;
    hth_error error;
    if (hth_config_create(&config, &error)) abort();
    hth_config_override(config, "network.units=2", &error);
    hth_config_override(config, "train.threads=1", &error);
    for (size_t i = 0; lines[kind][i]; i++)
        if (hth_config_override(config, lines[kind][i], &error)) abort();
    return config;
}

static void open_session(const hth_settings *settings, hth_session *session,
                         hth_identity *identity) {
    hth_error error;
    if (hth_session_open(settings, NULL, session, &error) ||
        hth_identity_make(settings, identity, &error)) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
}

/* Blanks in place of the digest, without which every change of a byte reaches the readers behind it. */
static void drop_digest(char *bytes) {
    static const char key[] = ",\"" HTH_DIGEST_KEY "\":\"";
    char *at = strstr(bytes + sizeof(uint64_t), key);
    if (!at) abort();
    memset(at, ' ', strlen(key) + strlen(HTH_DIGEST_ZERO) + 1);
}

/* Leaves a checkpoint of this kind in the folder HTH_FUZZ_SEEDS, to begin from. */
static void write_seed(size_t kind, hth_session *session, const hth_identity *identity) {
    char path[512], bytes[1 << 16];
    hth_error error;
    hth_counters counters = {.walked.epoch = 1};
    hth_walk walk = hth_session_walk(session, &counters.walked);
    const char *written = fuzz_path("checkpoint.safetensors"); /* and the folder is there */
    for (int i = 0; i < 5; i++)
        if (hth_walk_tape(&walk, &error)) abort();
    if (hth_checkpoint_save(fuzz_folder, session, &counters, identity, &error)) abort();
    FILE *from = fopen(written, "rb");
    snprintf(path, sizeof path, "%s/checkpoint%zu", getenv("HTH_FUZZ_SEEDS"), kind);
    FILE *to = fopen(path, "wb");
    if (!from || !to) abort();
    const size_t length = fread(bytes, 1, sizeof bytes, from);
    drop_digest(bytes);
    fputc((int)kind, to);
    fwrite(bytes, 1, length, to);
    fclose(from);
    fclose(to);
}

/* Sessions stay open from input to input: a refusal changes nothing. What was accepted has changed them. */
typedef struct opened {
    hth_config *config;
    hth_session session;
    hth_identity identity;
} opened;

static opened *open_kind(size_t kind) {
    static opened all[KINDS];
    opened *o = &all[kind];
    if (o->config) return o;
    o->config = configure(kind);
    const hth_settings settings = hth_config_settings(o->config);
    open_session(&settings, &o->session, &o->identity);
    return o;
}

static void close_kind(opened *o) {
    hth_identity_free(&o->identity);
    hth_session_close(&o->session);
    hth_config_destroy(o->config);
    *o = (opened){0};
}

/* With HTH_FUZZ_SEEDS=FOLDER, leaves a checkpoint of each kind there. They are of this program: those of an earlier
 * one, which has other settings, would all be refused at once. */
static void write_seeds(void) {
    for (size_t kind = 0; kind < KINDS; kind++) {
        opened *o = open_kind(kind);
        write_seed(kind, &o->session, &o->identity);
        close_kind(o);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (getenv("HTH_FUZZ_SEEDS")) {
        write_seeds();
        return 0;
    }
    opened *o = open_kind(fuzz_choose(&data, &size, KINDS));
    hth_counters counters = {0};
    hth_error error = {.message = ""};
    bool found = false;
    fuzz_write("checkpoint.safetensors", data, size);
    hth_status status = hth_checkpoint_load(fuzz_folder, &o->session, &counters, &o->identity, NULL,
                                            NULL, &found, &error);
    fuzz_refused(status, &error);
    if (status != HTH_OK) return 0;
    hth_walk walk = hth_session_walk(&o->session, &counters.walked);
    for (int i = 0; i < 8 && status == HTH_OK; i++)
        fuzz_refused(status = hth_walk_tape(&walk, &error), &error);
    close_kind(o);
    return 0;
}
