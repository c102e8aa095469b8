/*
 * A step of a model. hth_model_predict writes a step to the tape; hth_model_learn judges a step of the tape. The model
 * learns from the oldest K steps when all of them are judged, when the next step needs their room, or when the sequence
 * ends. Learned steps stay on the tape, for hth_tape_view, until the model writes or learns again.
 */
#include "model/model.h"

#include "credit/window.h"
#include "model/inspect.h"
#include "network/tape.h"

#include <string.h>

/* ---- Learning ---- */

/* Removes the learned steps from the tape. A tape that slides keeps the newest tape->keep of them. */
static void turn(hth_model *m) {
    hth_tape *tape = m->parts.tape;
    /* A tape that slides keeps its newest steps; all steps that stay have been learned from. */
    if (m->window > m->steps) {
        hth_tape_forget(tape, tape->steps > tape->keep ? tape->steps - tape->keep : 0);
        m->learned = tape->steps;
        return;
    }
    /* Any other tape keeps the steps that still wait. */
    if (m->learned == tape->steps)
        hth_tape_begin(tape);
    else
        hth_tape_forget(tape, m->learned);
    m->learned = 0;
}

/* The members of a tape that cut_tape changes, so that put_back can restore them. */
typedef struct cut {
    size_t steps;
    bool ends;
    const uint32_t *lengths;
} cut;

/* Makes the tape look as if only its oldest `steps` steps had been written. Returns the members as they were. */
static cut cut_tape(const hth_model *m, size_t steps) {
    hth_tape *tape = m->parts.tape;
    hth_chunk *chunk = &tape->chunk;
    const cut whole = {tape->steps, chunk->ends, chunk->lengths};
    if (steps == tape->steps) return whole;
    for (size_t b = 0; chunk->lengths && b < m->batch; b++)
        m->lengths[b] = chunk->lengths[b] < steps ? chunk->lengths[b] : (uint32_t)steps;
    if (chunk->lengths) chunk->lengths = m->lengths;
    tape->steps = chunk->steps = steps;
    chunk->ends = false;
    return whole;
}

/* Undoes cut_tape. */
static void put_back(hth_tape *tape, const cut *whole) {
    tape->steps = tape->chunk.steps = whole->steps;
    tape->chunk.ends = whole->ends;
    tape->chunk.lengths = whole->lengths;
}

/* Updates the parameters from the gradient, which is then scratch. */
static hth_status update(hth_model *m, hth_error *error) {
    const hth_model_parts *p = &m->parts;
    m->is_scratch = true;
    return hth_optimiser_step(p->optimiser, p->network, p->gradient, m->epoch, error);
}

/* Learns from the tape as it is now. An update follows if an answer was learned from since the last update; with
 * updates_at_end it waits for the end of the sequence. */
static hth_status learn_tape(hth_model *m, hth_error *error) {
    const hth_model_parts *p = &m->parts;
    const bool updates = m->is_told && (p->tape->chunk.ends || !m->updates_at_end);
    /* One tape, one update: the fused call is faster. */
    if (updates && !m->is_pending) {
        m->is_scratch = true;
        return hth_learn_and_step(p->learner, p->tape, p->gradient, p->optimiser, p->network,
                                  m->epoch, error);
    }
    /* Otherwise add to the gradient, and update if it is time. */
    if (m->is_scratch) hth_gradient_clear(p->gradient);
    m->is_scratch = false;
    HTH_TRY(hth_learn(p->learner, p->tape, p->gradient, error));
    m->is_pending = true;
    return updates ? update(m, error) : HTH_OK;
}

/* A model that rests passes over the oldest `steps` steps. */
static void pass(hth_model *m, size_t steps) {
    hth_learner *learner = m->parts.learner;
    if (!m->has_rested) hth_learner_abandon(learner);
    m->has_rested = true;
    hth_window_pass(learner, m->parts.tape);
    m->learned = steps;
}

/* Learns from the oldest `steps` steps (a frozen model only counts them as learned). On HTH_NOT_FINITE there is no
 * update, but the steps count as learned; after any other error they do not. */
static hth_status take(hth_model *m, size_t steps, hth_report *report, hth_error *error) {
    hth_tape *tape = m->parts.tape;
    const bool was_told = m->is_told;
    if (m->rests) {
        pass(m, steps);
        return HTH_OK;
    }
    /* Does one of the steps have an answer? With a window judge_one notes this. */
    for (size_t t = 0; t < steps && !m->window; t++) m->is_told = m->is_told || tape->said[t];
    /* Learn from these steps alone; E_reg goes to the report. */
    const cut whole = cut_tape(m, steps);
    hth_tape_regularise(tape);
    if (report) hth_tape_tell(tape, report);
    const hth_status status = m->is_frozen ? HTH_OK : learn_tape(m, error);
    put_back(tape, &whole);
    /* Undo or note the result. */
    if (status != HTH_OK && status != HTH_NOT_FINITE) {
        m->is_told = was_told;
        return status;
    }
    m->learned = steps;
    if (m->is_scratch) m->is_told = m->is_pending = false;
    return status;
}

/* Counts the answered steps from the oldest waiting step on, up to the first step without an answer, at most `most`. */
static size_t answered(const hth_model *m, size_t most) {
    const hth_tape *tape = m->parts.tape;
    size_t count = 0;
    while (count < most && m->learned + count < tape->steps && tape->said[m->learned + count])
        count++;
    return count;
}

/* Learns from every complete tape; at the end of a sequence also from the steps that are left. */
static hth_status take_due(hth_model *m, hth_report *report, hth_error *error) {
    const hth_tape *tape = m->parts.tape;
    for (;;) {
        /* Stop when no tape is complete. */
        const size_t left = tape->steps - m->learned;
        if (tape->ended ? left == 0 : answered(m, m->steps) < m->steps) return HTH_OK;
        /* A tape that slides is always learned from as a whole. */
        if (m->window) {
            HTH_TRY(take(m, tape->steps, report, error));
            continue;
        }
        /* Any other tape starts with the next K steps. */
        if (m->learned) turn(m);
        HTH_TRY(take(m, left < m->steps ? left : m->steps, report, error));
    }
}

/* Number of steps that can be written before the model must learn: up to K new steps, then as many as the tape has room
 * for. */
static size_t room_of(const hth_model *m) {
    const hth_tape *tape = m->parts.tape;
    const size_t waiting = tape->steps - m->learned;
    return waiting < m->steps || m->window ? m->steps - waiting : tape->capacity - tape->steps;
}

/* Makes room for at least one step; learns from the oldest steps if it must. HTH_INVALID when the learner needs the
 * whole sequence and the tape is full. */
static hth_status make_room(hth_model *m, hth_error *error) {
    const hth_tape *tape = m->parts.tape;
    /* A learner of whole sequences cannot go on when its tape is full or partly learned. */
    const bool is_full = tape->steps == tape->capacity;
    if (m->needs_whole && !m->is_frozen && (m->learned || is_full))
        return hth_fail(
            error, HTH_INVALID,
            "the sequence has more than %zu steps, but the learner looks at the whole of "
            "it: make the model for tapes of more steps, or take learner.name = tbptt",
            m->steps);
    /* Often removing the learned steps is enough. */
    if (m->learned == tape->steps || !m->window) turn(m);
    if (room_of(m) > 0) return HTH_OK;
    /* Otherwise learn, with the answers that there are, and remove the learned steps. */
    const hth_status status = take(m, m->window ? tape->steps : m->steps, NULL, error);
    if (status == HTH_OK || status == HTH_NOT_FINITE) turn(m);
    return status;
}

/* Begins the next sequence: resets the tapes and the learner. */
static void begin(hth_model *m) {
    hth_tape_reset(m->parts.tape);
    if (m->complete) hth_tape_reset(m->complete);
    if (m->parts.learner) hth_learner_abandon(m->parts.learner);
    m->learned = 0;
}

void hth_model_reset(hth_model *m) {
    begin(m);
    m->is_scratch = true;
    m->is_told = m->is_pending = false;
}

void hth_model_freeze(hth_model *m, bool frozen) {
    m->is_frozen = frozen || m->only_predicts;
    hth_model_reset(m);
    hth_tape_dropout(m->parts.tape, !m->is_frozen);
}

void hth_model_rest(hth_model *m) {
    m->rests = true;
}

void hth_model_epoch(hth_model *m, uint64_t epoch) {
    m->epoch = epoch;
}

/* ---- Outputs ---- */

/* Steps from..from+steps-1 of the inputs. lengths are kept only if these are all the steps. */
static hth_inputs part_of(const hth_model *m, const hth_inputs *in, size_t from, size_t steps) {
    hth_inputs part = *in;
    part.steps = steps;
    part.ends = in->ends && from + steps == in->steps;
    if (steps < in->steps) part.lengths = NULL;
    if (in->x) part.x += from * in->batch * m->shape.inputs;
    if (in->tokens) part.tokens += from * in->batch;
    return part;
}

/* Writes the outputs of the newest steps, whose inputs are `in`, to outputs[steps][batch][outputs] (NULL: not wanted).
 * The tape without dropout runs in any case, because its state must advance. */
static hth_status show(hth_model *m, const hth_inputs *in, hth_real *outputs, hth_error *error) {
    const size_t each = m->batch * m->shape.outputs;
    hth_tape *tape = m->parts.tape;
    /* Without dropout the tape itself has the outputs. */
    if (!m->complete || m->is_frozen)
        return outputs ? hth_tape_read(tape, tape->steps - in->steps, in->steps, outputs, error)
                       : HTH_OK;
    /* Otherwise run the second tape, in pieces that fit it. */
    for (size_t t = 0, steps; t < in->steps; t += steps) {
        const size_t left = in->steps - t, room = m->complete->capacity;
        steps = left < room ? left : room;
        const hth_inputs part = part_of(m, in, t, steps);
        hth_tape_begin(m->complete);
        HTH_TRY(hth_tape_write(m->complete, &part, error));
        if (outputs) HTH_TRY(hth_tape_read(m->complete, 0, steps, outputs + t * each, error));
    }
    return HTH_OK;
}

/* ---- One step ---- */

hth_status hth_model_predict(hth_model *m, const hth_real *x, const int32_t *tokens,
                             hth_real *outputs, hth_error *error) {
    hth_tape *tape = m->parts.tape;
    const hth_inputs in = {.steps = 1, .batch = m->batch, .x = x, .tokens = tokens};
    HTH_TRY(make_room(m, error));
    HTH_TRY(hth_tape_write(tape, &in, error));
    return show(m, &in, outputs, error);
}

/* Why the step `late` before the newest, which is not on the tape, takes no answer. */
static hth_status complain_absent(const hth_model *m, size_t late, hth_error *error) {
    const size_t steps = m->parts.tape->steps, most = m->parts.tape->capacity - 1;
    if (steps == 0)
        return hth_fail(error, HTH_INVALID,
                        "there is no step to answer: predict first, at the beginning and after the "
                        "end of a sequence");
    if (late > most)
        return hth_fail(error, HTH_INVALID,
                        "an answer comes %zu steps late, but may come at most %zu steps late: a "
                        "larger %s keeps more steps",
                        late, most, m->window ? "learner.window" : "late of the plan");
    return hth_fail(error, HTH_INVALID,
                    "an answer comes %zu steps late, but late can be at most %zu now: older steps "
                    "are not on the tape",
                    late, steps - 1);
}

/* HTH_INVALID when the step `late` before the newest takes no answer. */
static hth_status check_late(const hth_model *m, size_t late, hth_error *error) {
    const hth_tape *tape = m->parts.tape;
    if (late >= tape->steps) return complain_absent(m, late, error);
    const size_t at = tape->steps - 1 - late;
    /* With a window, steps that the model has learned from take a late answer too. */
    if (!tape->said[at] && (m->window || at >= m->learned)) return HTH_OK;
    if (late == 0)
        return hth_fail(error, HTH_INVALID,
                        "the newest step already has its answer: predict the next step first");
    return hth_fail(error, HTH_INVALID, "the step %zu before the newest already has its answer",
                    late);
}

/* Judges the step that the answer names. */
static hth_status judge_one(hth_model *m, const hth_answer *answer, hth_report *report,
                            hth_error *error) {
    hth_tape *tape = m->parts.tape;
    HTH_TRY(check_late(m, answer->late, error));
    const hth_verdict verdict = {.from = tape->steps - 1 - answer->late,
                                 .steps = 1,
                                 .targets = answer->targets,
                                 .classes = answer->classes,
                                 .errors = answer->errors,
                                 .weights = answer->weights,
                                 .decides = answer->decides};
    HTH_TRY(hth_tape_judge(tape, &verdict, report, error));
    m->is_told = m->is_told || m->window;
    return HTH_OK;
}

/* Ends the sequence with the newest step: learns from all waiting steps, updates and begins the next sequence. */
static hth_status finish(hth_model *m, hth_report *report, hth_error *error) {
    hth_tape *tape = m->parts.tape;
    /* Learn from all steps that wait. */
    tape->ended = tape->chunk.ends = true;
    hth_status status = take_due(m, report, error);
    /* Updates that waited for the end of the sequence are due now. */
    if (status == HTH_OK && m->is_pending && m->is_told) {
        status = update(m, error);
        m->is_told = m->is_pending = false;
    }
    if (status == HTH_OK || status == HTH_NOT_FINITE) begin(m);
    return status;
}

hth_status hth_model_learn(hth_model *m, const hth_answer *answer, hth_report *report,
                           hth_error *error) {
    const bool says = answer->targets || answer->classes || answer->errors;
    if (says) HTH_TRY(judge_one(m, answer, report, error));
    return answer->ends ? finish(m, report, error) : take_due(m, report, error);
}

/* ---- Any number of steps ---- */

/* Steps from..from+steps-1 of a chunk. The lengths of the piece are in m->lengths, valid until the next call. */
static hth_chunk piece_of(const hth_model *m, const hth_chunk *chunk, size_t from, size_t steps) {
    const size_t item = from * chunk->batch;
    hth_chunk piece = *chunk;
    piece.steps = steps;
    /* Move all arrays to the first step of the piece. */
    if (chunk->x) piece.x += item * m->shape.inputs;
    if (chunk->tokens) piece.tokens += item;
    if (chunk->targets) piece.targets += item * m->shape.outputs;
    if (chunk->classes) piece.classes += item;
    if (chunk->weights) piece.weights += item;
    if (chunk->decides) piece.decides += item;
    /* The end of the sequence, and the number of steps of each item. */
    piece.ends = chunk->ends && from + steps == chunk->steps;
    for (size_t b = 0; chunk->lengths && b < m->batch; b++) {
        const size_t left = chunk->lengths[b] > from ? chunk->lengths[b] - from : 0;
        m->lengths[b] = (uint32_t)(left < steps ? left : steps);
    }
    if (chunk->lengths) piece.lengths = m->lengths;
    return piece;
}

/* The inputs of a chunk, without its targets. */
static hth_inputs inputs_of(const hth_chunk *piece) {
    return (hth_inputs){.steps = piece->steps,
                        .batch = piece->batch,
                        .x = piece->x,
                        .tokens = piece->tokens,
                        .lengths = piece->lengths,
                        .ends = piece->ends};
}

/* Writes a piece after the steps on the tape, writes its outputs (NULL: not wanted) and then judges it. Checks inputs
 * and verdict first, so that after an error no step is written. */
static hth_status write_piece(hth_model *m, const hth_chunk *piece, hth_real *outputs,
                              hth_report *report, hth_error *error) {
    hth_tape *tape = m->parts.tape;
    const hth_inputs in = inputs_of(piece);
    const hth_verdict verdict = {.from = tape->steps,
                                 .steps = piece->steps,
                                 .targets = piece->targets,
                                 .classes = piece->classes,
                                 .weights = piece->weights,
                                 .decides = piece->decides};
    const bool says = piece->targets || piece->classes;
    /* Check all, then write, read and judge. */
    HTH_TRY(hth_check_inputs(tape, &in, tape->steps, error));
    if (says) HTH_TRY(hth_check_verdict(tape, &verdict, tape->steps + piece->steps, error));
    hth_tape_run(tape, &in);
    HTH_TRY(show(m, &in, outputs, error));
    return says ? hth_tape_judge(tape, &verdict, report, error) : HTH_OK;
}

/* Whether run_tape can handle the piece: it is exactly one tape of K answered steps, no other step waits, and neither
 * outputs, window, late answers nor a second tape are in use. */
static bool is_tape(const hth_model *m, const hth_chunk *piece, const hth_real *outputs) {
    return piece->steps == m->steps && m->parts.tape->steps == m->learned && !outputs &&
           (piece->targets || piece->classes) && !piece->ends && !m->late && !m->window &&
           !m->is_frozen && !m->needs_whole && !m->complete;
}

/* run_piece for a piece that is one tape, with fewer operations: small networks learn in a microsecond. */
static hth_status run_tape(hth_model *m, const hth_chunk *piece, hth_report *report,
                           hth_error *error) {
    const bool was_told = m->is_told;
    /* Write and judge the whole tape. If that fails, no step waits. */
    hth_status status = hth_forward(m->parts.tape, piece, report, error);
    m->learned = m->parts.tape->steps;
    HTH_TRY(status);
    /* Learn, and undo or note the result as `take` does. */
    m->is_told = true;
    status = learn_tape(m, error);
    if (status != HTH_OK && status != HTH_NOT_FINITE) {
        m->is_told = was_told;
        m->learned = 0;
    } else if (m->is_scratch) {
        m->is_told = m->is_pending = false;
    }
    return status;
}

/* Writes and judges a piece that fits the tape, then learns from the tapes that are complete. */
static hth_status run_piece(hth_model *m, const hth_chunk *piece, hth_real *outputs,
                            hth_report *report, hth_error *error) {
    const bool says = piece->targets || piece->classes;
    if (is_tape(m, piece, outputs)) return run_tape(m, piece, report, error);
    if (m->parts.tape->steps == m->learned && !outputs && says && !m->complete)
        HTH_TRY(hth_forward(m->parts.tape, piece, report, error));
    else
        HTH_TRY(write_piece(m, piece, outputs, report, error));
    m->is_told = m->is_told || (m->window && says);
    return piece->ends ? finish(m, report, error) : take_due(m, report, error);
}

hth_status hth_model_run(hth_model *m, const hth_chunk *chunk, hth_real *outputs,
                         hth_report *report, hth_error *error) {
    const hth_tape *tape = m->parts.tape;
    const size_t each = m->batch * m->shape.outputs;
    /* The chunk is a whole sequence: announce it, so that loss.time knows its divisor for any number of tapes. */
    if (chunk->ends && tape->fresh && tape->steps == 0)
        HTH_TRY(hth_tape_expect_whole(m->parts.tape, chunk, error));
    /* Fast path for a single tape; otherwise cut the chunk into pieces that fit. */
    if (is_tape(m, chunk, outputs)) return run_tape(m, chunk, report, error);
    for (size_t from = 0, steps; from < chunk->steps; from += steps) {
        HTH_TRY(make_room(m, error));
        const size_t left = chunk->steps - from, room = room_of(m);
        steps = left < room ? left : room;
        const hth_chunk piece = piece_of(m, chunk, from, steps);
        HTH_TRY(run_piece(m, &piece, outputs ? outputs + from * each : NULL, report, error));
    }
    return HTH_OK;
}
