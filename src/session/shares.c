/* Shares of a batch: see shares.h. */
#include "session/shares.h"

#include "credit/inspect.h"
#include "network/inspect.h"
#include "optim/inspect.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

/* What a share says of a tape. */
typedef struct word {
    hth_report report;
    uint64_t status;
} word;

/* The steps of one share, copied from those of the batch: [steps][items][...]. */
struct hth_share_room {
    hth_real *x, *targets, *weights;
    int32_t *tokens, *classes;
    uint32_t *lengths;
    uint8_t *decides;
    hth_shape shape;
    word *words;        /* [shares] */
    int *count, *first; /* [ranks]: the shares of each */
    hth_real **values;  /* [own] */
};

static size_t first_item(const hth_shares *s, size_t share) {
    return share * s->batch / s->count;
}

/* ---- What cannot be shared ---- */

static hth_status check_numbers(const hth_session *s, const hth_ranks *ranks, hth_error *error) {
    const long long shares = s->options.shares, batch = s->options.batch;
    if (shares > batch)
        return hth_fail(error, HTH_INVALID,
                        "train.shares is %lld, but train.batch has %lld items: a share needs one "
                        "at least",
                        shares, batch);
    if (ranks->count > shares)
        return hth_fail(error, HTH_INVALID,
                        "train.shares is %lld, but there are %d ranks, and each takes a share at "
                        "least: set train.shares to %d or a multiple of it (the result depends on "
                        "the shares in its last bits, and not on the ranks)",
                        shares, ranks->count, ranks->count);
    return HTH_OK;
}

/* HTH_INVALID where items of different shares would have to know of each other; `what` says why. */
static hth_status refuse(const hth_session *s, const char *what, const char *instead,
                         hth_error *error) {
    return hth_fail(error, HTH_INVALID, "train.shares is %lld, but %s: take %s",
                    (long long)s->options.shares, what, instead);
}

hth_status hth_shares_plan(hth_session *s, const hth_ranks *ranks, hth_error *error) {
    if (s->options.shares == 1 && ranks->count == 1) return HTH_OK;
    HTH_TRY(check_numbers(s, ranks, error));
    if (s->train.kind->answers)
        return refuse(s, "a world answers all items of the batch together", "train.shares=1",
                      error);
    hth_shares *shares = s->shares = calloc(1, sizeof *shares);
    if (!shares) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for shares");
    *shares = (hth_shares){
        .ranks = ranks, .count = (size_t)s->options.shares, .batch = (size_t)s->options.batch};
    shares->from = hth_rank_shares(ranks, ranks->rank, shares->count);
    shares->own_count = hth_rank_shares(ranks, ranks->rank + 1, shares->count) - shares->from;
    return HTH_OK;
}

size_t hth_shares_items(const hth_session *s) {
    const hth_shares *shares = s->shares;
    if (!shares) return s->batch;
    return first_item(shares, shares->from + 1) - first_item(shares, shares->from);
}

/* What the model and its settings join over the items of a batch. */
static hth_status check_model(const hth_session *s, hth_error *error) {
    char joins[80], what[200];
    const hth_keep_facts keep = hth_keep_look(s->parts.optimiser);
    if (hth_learner_joins_items(s->parts.learner, joins, sizeof joins)) {
        snprintf(what, sizeof what, "%s learns or draws for all items together", joins);
        return refuse(s, what, "another, or train.shares=1", error);
    }
    if (hth_learner_slides(s->parts.learner))
        return refuse(s, "learner.window keeps tapes that wait for later losses",
                      "learner.window=0, or train.shares=1", error);
    if (hth_network_look(s->parts.network).joins_rates)
        return refuse(s, "regulariser.rate_form has rates that are means over all items",
                      "regulariser.rate_form=nest, or train.shares=1", error);
    if (keep.of != HTH_OF_NOTHING && keep.of != HTH_OF_UPDATES) {
        snprintf(what, sizeof what, "keep.name is %s, which learns from sequences beside the batch",
                 keep.name);
        return refuse(s, what, "another, or train.shares=1", error);
    }
    if (s->replayer)
        return refuse(s, "replay.name replays sequences of all items", "replay.name=none", error);
    if (s->options.align || s->options.interference)
        return refuse(s, "train.align and train.interference look at one tape of all items",
                      "train.shares=1", error);
    return HTH_OK;
}

/* ---- Opening ---- */

static hth_status no_memory(hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY, "not enough memory for the shares of a batch");
}

/* The handles of an own share; the first has those of the session's model. */
static hth_status open_share(const hth_settings *settings, const hth_session *s, size_t i,
                             hth_error *error) {
    const hth_shares *shares = s->shares;
    hth_share *own = &shares->own[i];
    own->first = first_item(shares, shares->from + i);
    own->items = first_item(shares, shares->from + i + 1) - own->first;
    if (i == 0) {
        own->tape = s->parts.tape;
        own->learner = s->parts.learner;
        own->gradient = s->parts.gradient;
    } else {
        HTH_TRY(hth_learner_create(settings, s->parts.network, s->steps, own->items,
                                   (uint64_t)s->options.seed, s->parts.compute, NULL, &own->learner,
                                   error));
        HTH_TRY(hth_learner_tape(own->learner, s->parts.compute, NULL, &own->tape, error));
        HTH_TRY(hth_gradient_create(s->parts.network, NULL, &own->gradient, error));
        HTH_TRY(hth_given_feedback(&s->train, own->learner, error));
    }
    hth_tape_share(own->tape, own->first, shares->batch);
    return HTH_OK;
}

/* The room for the steps of the largest share, and for what shares say. */
static hth_status open_room(const hth_session *s, hth_error *error) {
    hth_shares *shares = s->shares;
    struct hth_share_room *room = shares->room = calloc(1, sizeof *room);
    const hth_shape *shape = &s->train.shape;
    const size_t ranks = (size_t)shares->ranks->count;
    size_t most = 0;
    if (!room) return no_memory(error);
    for (size_t i = 0; i < shares->own_count; i++)
        most = shares->own[i].items > most ? shares->own[i].items : most;
    const size_t items = s->steps * most;
    room->shape = *shape;
    room->x = calloc(items * shape->inputs + 1, sizeof *room->x);
    room->targets = calloc(items * shape->outputs + 1, sizeof *room->targets);
    room->weights = calloc(items, sizeof *room->weights);
    room->tokens = calloc(items, sizeof *room->tokens);
    room->classes = calloc(items, sizeof *room->classes);
    room->lengths = calloc(most, sizeof *room->lengths);
    room->decides = calloc(items, sizeof *room->decides);
    room->words = calloc(shares->count, sizeof *room->words);
    room->count = calloc(ranks, sizeof *room->count);
    room->first = calloc(ranks, sizeof *room->first);
    room->values = calloc(shares->own_count, sizeof *room->values);
    if (!room->x || !room->targets || !room->weights || !room->tokens || !room->classes ||
        !room->lengths || !room->decides || !room->words || !room->count || !room->first ||
        !room->values)
        return no_memory(error);
    for (size_t r = 0; r < ranks; r++) {
        const size_t first = hth_rank_shares(shares->ranks, (int)r, shares->count);
        const size_t next = hth_rank_shares(shares->ranks, (int)r + 1, shares->count);
        room->first[r] = (int)first;
        room->count[r] = (int)(next - first);
    }
    return HTH_OK;
}

hth_status hth_shares_open(const hth_settings *settings, hth_session *s, hth_error *error) {
    hth_shares *shares = s->shares;
    if (!shares) return HTH_OK;
    HTH_TRY(check_model(s, error));
    shares->own = calloc(shares->own_count, sizeof *shares->own);
    if (!shares->own) return no_memory(error);
    for (size_t i = 0; i < shares->own_count; i++) {
        hth_kept kept;
        HTH_TRY(open_share(settings, s, i, error));
        HTH_TRY(hth_learner_kept(shares->own[i].learner, &kept, error));
        shares->learner_bytes += kept.bytes;
    }
    HTH_TRY(open_room(s, error));
    return hth_sum_open(shares->ranks, shares->count, hth_network_parameter_count(s->parts.network),
                        &shares->sum, error);
}

void hth_shares_close(hth_shares *s) {
    if (!s) return;
    for (size_t i = 1; s->own && i < s->own_count; i++) {
        hth_gradient_destroy(s->own[i].gradient);
        hth_tape_destroy(s->own[i].tape);
        hth_learner_destroy(s->own[i].learner);
    }
    if (s->room) {
        void *const all[] = {s->room->x,       s->room->targets, s->room->weights, s->room->tokens,
                             s->room->classes, s->room->lengths, s->room->decides, s->room->words,
                             s->room->count,   s->room->first,   s->room->values};
        for (size_t i = 0; i < HTH_COUNT(all); i++) free(all[i]);
    }
    hth_sum_close(s->sum);
    free(s->room);
    free(s->own);
    free(s);
}

/* ---- The steps of a share ---- */

/* Copies out[steps][items] of the numbers of a batch, each of so many bytes; NULL: there are none. */
static const void *part_of(const hth_chunk *chunk, const hth_share *share, const void *batch,
                           size_t bytes, void *out) {
    if (!batch) return NULL;
    for (size_t t = 0; t < chunk->steps; t++)
        memcpy((char *)out + t * share->items * bytes,
               (const char *)batch + (t * chunk->batch + share->first) * bytes,
               share->items * bytes);
    return out;
}

static hth_chunk chunk_of(const hth_shares *s, const hth_share *share, const hth_chunk *chunk) {
    const struct hth_share_room *room = s->room;
    const size_t real = sizeof(hth_real);
    hth_chunk part = *chunk;
    part.batch = share->items;
    part.x = part_of(chunk, share, chunk->x, room->shape.inputs * real, room->x);
    part.tokens = part_of(chunk, share, chunk->tokens, sizeof(int32_t), room->tokens);
    part.targets = part_of(chunk, share, chunk->targets, room->shape.outputs * real, room->targets);
    part.classes = part_of(chunk, share, chunk->classes, sizeof(int32_t), room->classes);
    part.weights = part_of(chunk, share, chunk->weights, real, room->weights);
    part.decides = part_of(chunk, share, chunk->decides, 1, room->decides);
    if (chunk->lengths)
        memcpy(room->lengths, chunk->lengths + share->first, share->items * sizeof *room->lengths);
    part.lengths = chunk->lengths ? room->lengths : NULL;
    return part;
}

/* ---- The walk's verbs ---- */

void hth_shares_reset(hth_shares *s) {
    for (size_t i = 0; i < s->own_count; i++) hth_tape_reset(s->own[i].tape);
}

hth_status hth_shares_expect(hth_shares *s, const hth_chunk *chunk, hth_error *error) {
    for (size_t i = 0; i < s->own_count; i++) {
        const hth_chunk part = chunk_of(s, &s->own[i], chunk);
        HTH_TRY(hth_tape_expect(s->own[i].tape, &part, error));
    }
    return HTH_OK;
}

static hth_status take_one(hth_shares *s, size_t i, const hth_chunk *chunk, hth_report *report,
                           hth_error *error) {
    const hth_share *own = &s->own[i];
    const hth_chunk part = chunk_of(s, own, chunk);
    HTH_TRY(hth_forward(own->tape, &part, report, error));
    return hth_learn(own->learner, own->tape, own->gradient, error);
}

static void add_report(const hth_report *of, hth_report *sums) {
    sums->loss += of->loss;
    sums->weight += of->weight;
    sums->correct += of->correct;
    sums->spikes += of->spikes;
    sums->regulariser += of->regulariser;
    sums->decisions += of->decisions;
    sums->right += of->right;
}

hth_status hth_shares_take(hth_shares *s, hth_status before, const hth_chunk *chunk,
                           hth_report *sums, hth_error *error) {
    struct hth_share_room *room = s->room;
    hth_status status = before;
    bool fails = false;
    for (size_t i = 0; i < s->own_count; i++) {
        word *of = &room->words[s->from + i];
        *of = (word){.status = HTH_OK};
        if (status == HTH_OK) status = take_one(s, i, chunk, &of->report, error);
        of->status = (uint64_t)status;
    }
    hth_ranks_collect(s->ranks, room->words, sizeof *room->words, room->count, room->first);
    for (size_t i = 0; i < s->count; i++) fails = fails || room->words[i].status != HTH_OK;
    if (fails) return hth_ranks_agree(s->ranks, status, error);
    for (size_t i = 0; i < s->count; i++) add_report(&room->words[i].report, sums);
    return HTH_OK;
}

void hth_shares_join(hth_shares *s) {
    const hth_gradient_sum all = hth_gradient_parts(s->own[0].gradient);
    for (size_t i = 0; i < s->own_count; i++) {
        const hth_gradient_sum of = hth_gradient_parts(s->own[i].gradient);
        s->room->values[i] = of.values;
        for (size_t row = 0; row < of.rows; row++) all.touched[row] |= of.touched[row];
    }
    hth_ranks_any(s->ranks, all.touched, all.rows);
    hth_sum_add(s->sum, s->room->values);
    /* Sums of some shares are left in others than the first, for hth_shares_clear. */
    for (size_t i = 0; i < s->own_count; i++) {
        const hth_gradient_sum of = hth_gradient_parts(s->own[i].gradient);
        if (i > 0 && of.rows) memcpy(of.touched, all.touched, of.rows);
        hth_gradient_summed(s->own[i].gradient);
    }
}

void hth_shares_clear(hth_shares *s) {
    for (size_t i = 0; i < s->own_count; i++) hth_gradient_clear(s->own[i].gradient);
}
