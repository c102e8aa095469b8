/* The network of settings on a chip: a model that learns step by step. */
#ifndef HTH_EMBEDDED_H
#define HTH_EMBEDDED_H

#include "session/session.h"

/* ---- Parts ---- */

/* The lists of parts of the core, as HTH_<list>(X) names them, and where the files of their parts are: the part
 * rank-one of PASTS is src/credit/past/rank_one.c. */
enum { HTH_PART_LISTS = 8, HTH_MOST_CHOSEN = 24 };
typedef struct hth_part_list {
    const char *list, *folder;
    const hth_catalogue *of;
} hth_part_list;
extern const hth_part_list hth_part_lists[HTH_PART_LISTS];

/* The parts that a network needs, from each of the lists. */
typedef struct hth_chosen_parts {
    size_t layers;
    size_t counts[HTH_PART_LISTS];
    const char *names[HTH_PART_LISTS][HTH_MOST_CHOSEN]; /* of tables; they stay */
} hth_chosen_parts;
/* Of a network with these settings. Errors are those of reading the settings. */
hth_status hth_embedded_parts(const hth_settings *settings, const hth_network *network,
                              hth_chosen_parts *out, hth_error *error);
/* Whether a list has the part. */
bool hth_embedded_has(const hth_chosen_parts *parts, const char *list, const char *name);
/* Bytes of flash of a program with these parts and a printf, on a Cortex-M4F (scripts/chip-code). */
size_t hth_embedded_code(const hth_chosen_parts *parts);

/* ---- Sizes ---- */

typedef struct hth_embedded_size {
    hth_shape shape;
    size_t steps, parameters; /* K; numbers */
    uint64_t seed;
    hth_model_sizes arm, riscv; /* bytes of RAM */
    size_t here;                /* the same of the core alone on a machine like this one */
    hth_chosen_parts parts;
    size_t arm_keep, riscv_keep; /* of the optimiser's: what keep takes */
} hth_embedded_size;

/* Opens the data for their shape and counts. HTH_INVALID, with a sentence, for what no chip can run: worlds, episodes;
 * other errors are those of hth_session_open. */
hth_status hth_embedded_count(const hth_settings *settings, hth_embedded_size *out,
                              hth_error *error);

/* ---- Export ---- */

/* Writes a folder with the network of a run folder (or checkpoint file) as C: settings, parameters, the scale of the
 * data, the core with the parts that are needed, a program and a Makefile. sources: the folder that has src/, include/
 * and export-c/. prefix: begins every name in C. HTH_INVALID for what no chip can run; HTH_FILE; errors of
 * hth_run_open. After an error there is no folder. */
hth_status hth_embedded_export(const char *run, const hth_settings *overrides, const char *sources,
                               const char *prefix, const char *folder, hth_embedded_size *size,
                               hth_error *error);

#endif
