/* A memory of sequences: see memory.h. */
#include "tasks/replay/memory.h"

#include "tasks/catalogues.h"

#include <stdlib.h>
#include <string.h>

#define POINTER(name) &hth_replay_##name,
static const hth_replay *const replays[] = {HTH_REPLAYS(POINTER)};

const hth_replay *hth_replay_at(size_t index) {
    return replays[index];
}

static const hth_part *part_at(size_t index) {
    return &replays[index]->part;
}

const hth_catalogue hth_replays = {
    .kind = "replay",
    .summary = "Sequences that were learned before are learned again (docs/replay.md).",
    .key = "replay.name",
    .fallback = "none",
    .common = {"replay", NULL, 0},
    .count = HTH_COUNT(replays),
    .at = part_at,
};

/* ---- Columns ------------------------------------------------------------------------------ */

enum { X, TOKENS, TARGETS, CLASSES, WEIGHTS, DECIDES };

static void lay_out_columns(hth_replay_memory *m, const hth_shape *shape) {
    const bool classes = shape->target == HTH_TARGET_CLASSES;
    const hth_replay_column columns[HTH_REPLAY_COLUMNS] = {
        [X] = {"x", HTH_DTYPE_REAL, shape->vocabulary ? 0 : shape->inputs, NULL, NULL},
        [TOKENS] = {"tokens", HTH_DTYPE_I32, shape->vocabulary ? 1 : 0, NULL, NULL},
        [TARGETS] = {"targets", HTH_DTYPE_REAL, classes ? 0 : shape->outputs, NULL, NULL},
        [CLASSES] = {"classes", HTH_DTYPE_I32, classes ? 1 : 0, NULL, NULL},
        [WEIGHTS] = {"weights", HTH_DTYPE_REAL, 1, NULL, NULL},
        [DECIDES] = {"decides", HTH_DTYPE_I32, shape->decides ? 1 : 0, NULL, NULL},
    };
    memcpy(m->columns, columns, sizeof columns);
}

/* Bytes of a step. */
static size_t step_bytes(const hth_replay_column *c) {
    return c->width * (c->dtype == HTH_DTYPE_REAL ? sizeof(hth_real) : sizeof(int32_t));
}

/* The chunk's array of a column; NULL: there is none, or it is of another kind of number. */
static const void *array_of(const hth_chunk *chunk, size_t column) {
    const void *const arrays[HTH_REPLAY_COLUMNS] = {[X] = chunk->x,
                                                    [TOKENS] = chunk->tokens,
                                                    [TARGETS] = chunk->targets,
                                                    [CLASSES] = chunk->classes,
                                                    [WEIGHTS] = chunk->weights,
                                                    [DECIDES] = NULL};
    return arrays[column];
}

/* Where step t of a slot lies. */
static char *kept_at(const hth_replay_memory *m, size_t column, size_t slot, size_t t) {
    const hth_replay_column *c = &m->columns[column];
    return (char *)c->kept + (slot * m->steps + t) * step_bytes(c);
}

/* ---- Opening ------------------------------------------------------------------------------ */

static void free_columns(hth_replay_memory *m) {
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        free(m->columns[i].kept);
        free(m->columns[i].again);
        m->columns[i].kept = m->columns[i].again = NULL;
    }
    free(m->marks);
    m->marks = NULL;
}

void hth_replay_memory_close(hth_replay_memory *m) {
    if (!m) return;
    free_columns(m);
    free(m->slots.class_of);
    free(m->slots.seen);
    free(m->slots.full);
    free(m->slots.losses);
    free(m->slots.shares);
    free(m->factors);
    free(m->lengths);
    free(m->classes);
    free(m->picked);
    free(m->again);
    free(m);
}

static hth_status no_memory(const hth_replay_memory *m, hth_error *error) {
    return hth_fail(error, HTH_NO_MEMORY,
                    "not enough memory for replay.size = %zu sequences of %zu steps: take fewer",
                    m->slots.size, m->steps);
}

/* What the part knows of the slots. */
static bool allocate_slots(hth_replay_slots *s, const hth_replay *kind) {
    const size_t classes = kind->of_classes ? s->classes : 0,
                 losses = kind->of_losses ? s->size : 0;
    s->class_of = calloc(s->size, sizeof *s->class_of);
    s->seen = calloc(classes + 1, sizeof *s->seen);
    s->full = calloc(classes + 1, sizeof *s->full);
    s->losses = calloc(losses + 1, sizeof *s->losses);
    s->shares = calloc(losses + 1, sizeof *s->shares);
    return s->class_of && s->seen && s->full && s->losses && s->shares;
}

static hth_status allocate(hth_replay_memory *m, hth_error *error) {
    const size_t size = m->slots.size, batch = (size_t)m->options.batch;
    m->lengths = calloc(size + m->items, sizeof *m->lengths);
    m->classes = calloc(m->items, sizeof *m->classes);
    m->picked = calloc(batch + 1, sizeof *m->picked);
    m->again = calloc(batch + 1, sizeof *m->again);
    m->factors = calloc(batch + 1, sizeof *m->factors);
    if (allocate_slots(&m->slots, m->kind) && m->lengths && m->classes && m->picked && m->again &&
        m->factors)
        return HTH_OK;
    return no_memory(m, error);
}

static hth_status fill(const hth_settings *settings, const hth_shape *shape, size_t items,
                       hth_replay_memory *m, hth_error *error) {
    HTH_TRY(hth_options_read(&m->kind->part.options, settings, &m->options, error));
    if (m->options.batch < 0) m->options.batch = (int64_t)items;
    m->items = items;
    m->decides = shape->decides;
    m->is_shut = m->options.from == HTH_FROM_DREAM;
    m->slots.options = &m->options;
    m->slots.size = (size_t)m->options.size;
    m->slots.classes = shape->target == HTH_TARGET_CLASSES ? shape->outputs : 0;
    lay_out_columns(m, shape);
    if (m->kind->of_classes && !m->slots.classes)
        return hth_fail(error, HTH_INVALID,
                        "replay.name is %s, but the targets are no classes: take reservoir",
                        m->kind->part.name);
    return allocate(m, error);
}

hth_status hth_replay_memory_open(const hth_settings *settings, uint64_t seed,
                                  const hth_shape *shape, size_t items, hth_replay_memory **out,
                                  hth_error *error) {
    size_t index;
    *out = NULL;
    HTH_TRY(hth_part_choose(&hth_replays, settings, &index, error));
    if (!replays[index]->place) return HTH_OK;
    hth_replay_memory *m = calloc(1, sizeof *m);
    if (!m) return hth_fail(error, HTH_NO_MEMORY, "not enough memory for replay");
    m->kind = replays[index];
    m->slots.seed = seed;
    const hth_status status = fill(settings, shape, items, m, error);
    if (status == HTH_OK)
        *out = m;
    else
        hth_replay_memory_close(m);
    return status;
}

size_t hth_replay_stretch(const hth_replay_memory *m, uint64_t sequence_steps) {
    enum { LONGEST_WHOLE = 1000, STRETCH = 100 };
    const uint64_t given = (uint64_t)m->options.steps;
    const bool is_long = sequence_steps == 0 || sequence_steps > LONGEST_WHOLE;
    const uint64_t stretch = given ? given : is_long ? STRETCH : sequence_steps;
    return (size_t)(sequence_steps && sequence_steps < stretch ? sequence_steps : stretch);
}

hth_status hth_replay_memory_reserve(hth_replay_memory *m, size_t steps, hth_error *error) {
    const size_t slots = m->slots.size + m->items, batch = (size_t)m->options.batch;
    if (steps <= m->steps) return HTH_OK;
    free_columns(m);
    m->steps = steps;
    m->slots.arrivals = m->slots.held = m->slots.draws = m->slots.dreams = 0;
    hth_replay_memory_begin(m);
    /* The slots, and the chunk that is replayed. */
    bool failed = false;
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        hth_replay_column *c = &m->columns[i];
        const size_t bytes = hth_times(steps, step_bytes(c));
        if (!bytes) continue;
        c->kept = calloc(slots, bytes);
        c->again = calloc(batch + 1, bytes);
        failed = failed || !c->kept || !c->again;
    }
    m->marks = m->decides ? calloc(batch + 1, steps) : NULL;
    failed = failed || (m->decides && !m->marks);
    return failed ? no_memory(m, error) : HTH_OK;
}

size_t hth_replay_memory_bytes(const hth_replay_memory *m) {
    size_t bytes = 0;
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) bytes += step_bytes(&m->columns[i]);
    return hth_times(hth_times(m->slots.size + m->items, m->steps), bytes);
}

/* ---- Taking ------------------------------------------------------------------------------- */

void hth_replay_memory_begin(hth_replay_memory *m) {
    for (size_t b = 0; b < m->items; b++) {
        m->lengths[m->slots.size + b] = 0;
        m->classes[b] = -1;
    }
}

/* Steps of the longest sequence under way. */
static size_t under_way(const hth_replay_memory *m) {
    size_t most = 0;
    for (size_t b = 0; b < m->items; b++) {
        const size_t length = (size_t)m->lengths[m->slots.size + b];
        most = length > most ? length : most;
    }
    return most;
}

bool hth_replay_memory_completes(const hth_replay_memory *m, const hth_chunk *chunk,
                                 const hth_position_flags *flags) {
    return flags->ends || (flags->starts ? 0 : under_way(m)) + chunk->steps >= m->steps;
}

/* Step t of the chunk's item b is the next of the item's sequence. */
static void take_step(hth_replay_memory *m, const hth_chunk *chunk, size_t t, size_t b) {
    const size_t slot = m->slots.size + b, from = t * chunk->batch + b;
    const size_t to = (size_t)m->lengths[slot]++;
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        const size_t bytes = step_bytes(&m->columns[i]);
        const char *array = array_of(chunk, i);
        if (bytes && array) memcpy(kept_at(m, i, slot, to), array + from * bytes, bytes);
    }
    const hth_real weight = chunk->weights ? chunk->weights[from] : 1;
    memcpy(kept_at(m, WEIGHTS, slot, to), &weight, sizeof weight);
    if (m->decides)
        *(int32_t *)(void *)kept_at(m, DECIDES, slot, to) = chunk->decides && chunk->decides[from];
    if (weight > 0) m->classes[b] = chunk->classes ? chunk->classes[from] : 0;
}

/* The sequence of an item is complete: the memory keeps it or not. */
static void complete(hth_replay_memory *m, size_t b) {
    hth_replay_slots *s = &m->slots;
    const size_t own = s->size + b, length = (size_t)m->lengths[own];
    const int32_t class = m->classes[b];
    m->lengths[own] = 0;
    m->classes[b] = -1;
    if (length == 0 || class < 0 || m->is_shut) return;
    const int64_t slot = m->kind->place(s, class);
    s->arrivals++;
    if (slot == HTH_NOT_KEPT) return;
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        const size_t bytes = step_bytes(&m->columns[i]);
        if (bytes) memcpy(kept_at(m, i, (size_t)slot, 0), kept_at(m, i, own, 0), length * bytes);
    }
    m->lengths[slot] = length;
    s->class_of[slot] = class;
    if ((uint64_t)slot == s->held) s->held++;
}

void hth_replay_memory_take(hth_replay_memory *m, const hth_chunk *chunk,
                            const hth_position_flags *flags) {
    if (flags->starts) hth_replay_memory_begin(m);
    for (size_t t = 0; t < chunk->steps; t++) {
        for (size_t b = 0; b < m->items; b++)
            if (!chunk->lengths || t < chunk->lengths[b]) take_step(m, chunk, t, b);
        const bool ends = (flags->ends && t + 1 == chunk->steps) || under_way(m) >= m->steps;
        for (size_t b = 0; ends && b < m->items; b++) complete(m, b);
    }
}

/* ---- Giving ------------------------------------------------------------------------------- */

static void draw_slots(hth_replay_memory *m) {
    hth_replay_slots *s = &m->slots;
    const size_t batch = (size_t)m->options.batch;
    if (m->kind->draw) m->kind->draw(s, batch, m->picked, m->factors);
    for (size_t b = 0; b < batch && !m->kind->draw; b++) {
        m->picked[b] = hth_replay_below(s, HTH_REPLAY_DRAWS, s->draws++, s->held);
        m->factors[b] = 1;
    }
}

/* Puts the drawn sequences beside each other; what is behind the end of a shorter one is 0. */
static void lay_side_by_side(hth_replay_memory *m, size_t steps) {
    const size_t batch = (size_t)m->options.batch;
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        hth_replay_column *c = &m->columns[i];
        const size_t bytes = step_bytes(c);
        if (!bytes) continue;
        memset(c->again, 0, steps * batch * bytes);
        for (size_t b = 0; b < batch; b++)
            for (size_t t = 0; t < m->lengths[m->picked[b]]; t++)
                memcpy((char *)c->again + (t * batch + b) * bytes,
                       kept_at(m, i, (size_t)m->picked[b], t), bytes);
    }
    hth_real *weights = m->columns[WEIGHTS].again;
    for (size_t i = 0; m->kind->draw && i < steps * batch; i++)
        weights[i] *= (hth_real)m->factors[i % batch];
    const int32_t *decides = m->columns[DECIDES].again;
    for (size_t i = 0; decides && i < steps * batch; i++) m->marks[i] = decides[i] != 0;
}

bool hth_replay_memory_draw(hth_replay_memory *m, hth_chunk *chunk) {
    size_t steps = 0;
    bool ragged = false;
    if (m->slots.held == 0 || m->options.batch == 0) return false;
    draw_slots(m);
    for (size_t b = 0; b < (size_t)m->options.batch; b++) {
        const size_t length = (size_t)m->lengths[m->picked[b]];
        ragged = ragged || (b > 0 && length != steps);
        steps = length > steps ? length : steps;
    }
    lay_side_by_side(m, steps);
    *chunk = (hth_chunk){.steps = steps,
                         .batch = (size_t)m->options.batch,
                         .x = m->columns[X].again,
                         .tokens = m->columns[TOKENS].again,
                         .targets = m->columns[TARGETS].again,
                         .classes = m->columns[CLASSES].again,
                         .weights = m->columns[WEIGHTS].again,
                         .lengths = ragged ? m->again : NULL,
                         .decides = m->marks};
    return true;
}

void hth_replay_memory_tell(hth_replay_memory *m, const double *losses) {
    for (size_t b = 0; b < (size_t)m->options.batch && m->kind->of_losses; b++)
        m->slots.losses[m->picked[b]] = losses[b];
}

hth_chunk hth_replay_memory_piece(hth_replay_memory *m, const hth_chunk *chunk, size_t at,
                                  size_t most) {
    const size_t left = chunk->steps - at, first = at * chunk->batch;
    hth_chunk piece = *chunk;
    piece.steps = left < most ? left : most;
    piece.ends = piece.steps == left;
    if (piece.x) piece.x += first * m->columns[X].width;
    if (piece.tokens) piece.tokens += first;
    if (piece.targets) piece.targets += first * m->columns[TARGETS].width;
    if (piece.classes) piece.classes += first;
    piece.weights += first;
    if (piece.decides) piece.decides += first;
    for (size_t b = 0; piece.lengths && b < chunk->batch; b++) {
        const size_t length = (size_t)m->lengths[m->picked[b]];
        const size_t rest = length > at ? length - at : 0;
        m->again[b] = (uint32_t)(rest < piece.steps ? rest : piece.steps);
    }
    return piece;
}

/* ---- State -------------------------------------------------------------------------------- */

static void add(hth_field *fields, size_t capacity, size_t *count, const char *name,
                hth_dtype dtype, size_t numbers, void *data) {
    if (*count < capacity) {
        fields[*count] = (hth_field){.dtype = dtype, .count = numbers, .data = data};
        hth_text(fields[*count].name, sizeof fields->name, "%s", name);
    }
    ++*count;
}

size_t hth_replay_memory_state(hth_replay_memory *m, hth_field *fields, size_t capacity) {
    hth_replay_slots *s = &m->slots;
    size_t count = 0;
    add(fields, capacity, &count, "arrivals", HTH_DTYPE_U64, 1, &s->arrivals);
    add(fields, capacity, &count, "held", HTH_DTYPE_U64, 1, &s->held);
    add(fields, capacity, &count, "draws", HTH_DTYPE_U64, 1, &s->draws);
    if (m->options.from == HTH_FROM_DREAM)
        add(fields, capacity, &count, "dreams", HTH_DTYPE_U64, 1, &s->dreams);
    add(fields, capacity, &count, "lengths", HTH_DTYPE_U64, s->size + m->items, m->lengths);
    add(fields, capacity, &count, "class_of", HTH_DTYPE_I32, s->size, s->class_of);
    add(fields, capacity, &count, "class_under_way", HTH_DTYPE_I32, m->items, m->classes);
    if (m->kind->of_classes) {
        add(fields, capacity, &count, "seen", HTH_DTYPE_U64, s->classes, s->seen);
        add(fields, capacity, &count, "full", HTH_DTYPE_I32, s->classes, s->full);
    }
    if (m->kind->of_losses)
        add(fields, capacity, &count, "losses", HTH_DTYPE_F64, s->size, s->losses);
    for (size_t i = 0; i < HTH_REPLAY_COLUMNS; i++) {
        const hth_replay_column *c = &m->columns[i];
        if (c->kept)
            add(fields, capacity, &count, c->name, c->dtype,
                (s->size + m->items) * m->steps * c->width, c->kept);
    }
    return count;
}

bool hth_replay_memory_is_sound(const hth_replay_memory *m) {
    const hth_replay_slots *s = &m->slots;
    bool sound = s->held <= s->size && s->held <= s->arrivals;
    for (size_t i = 0; i < s->size + m->items; i++)
        sound = sound && m->lengths[i] <= m->steps && (i >= s->held || m->lengths[i] > 0);
    for (size_t b = 0; b < m->items; b++) sound = sound && m->lengths[s->size + b] < m->steps;
    for (size_t i = 0; i < s->held && s->classes; i++)
        sound = sound && s->class_of[i] >= 0 && (size_t)s->class_of[i] < s->classes;
    for (size_t c = 0; c < s->classes && m->kind->of_classes; c++)
        sound = sound && s->seen[c] <= s->arrivals;
    for (size_t i = 0; i < s->held && m->kind->of_losses; i++)
        sound = sound && s->losses[i] >= 0 && s->losses[i] <= 1e300;
    for (size_t b = 0; b < m->items && s->classes; b++)
        sound = sound && m->classes[b] >= -1 && m->classes[b] < (int32_t)s->classes;
    return sound;
}
