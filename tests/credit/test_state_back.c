/* The state of tape and learner, put back where it was given out, or into others at the end of a sequence. */
#include "handles.h"

enum { STEPS = 6, BATCH = 2, INPUTS = 3, OUTPUTS = 4 };

static const law_case plain = {
    "cell.name=rate network.units=5", INPUTS, 0, OUTPUTS, STEPS, BATCH, true, false};

static hth_real *copy_of(const law_rig *rig, const handles *h) {
    const size_t bytes = rig->count * sizeof(hth_real);
    return memcpy(malloc(bytes), hth_gradient_values(h->gradient), bytes);
}

/* The fields of tape and learner. */
static size_t fields_of(handles *h, hth_field fields[48]) {
    const size_t count = hth_tape_state(h->tape, fields, 48);
    const size_t all = count + hth_learner_state(h->learner, fields + count, 48 - count);
    assert_true(all > 0 && all <= 48);
    return all;
}

static size_t bytes_of(const hth_field *field) {
    const size_t size = field->dtype == HTH_DTYPE_REAL  ? sizeof(hth_real)
                        : field->dtype == HTH_DTYPE_I32 ? 4
                                                        : 8;
    return field->count * size;
}

/* Adds the gradient of steps 2 to 5; a copy of the sum. */
static hth_real *go_on(law_rig *rig, handles *h) {
    hth_gradient_clear(h->gradient);
    handles_advance(rig, h, 2, 2);
    handles_advance(rig, h, 4, 2);
    return copy_of(rig, h);
}

/* A run goes on as if its state had not been given out; put back into the tape and the learner that gave it, the state
 * takes them back: the steps since are learned from again, as if for the first time. */
static void test_a_state_takes_a_run_back(void **state) {
    static const char *const learners[] = {"learner.name=tbptt", "learner.name=rflo",
                                           "learner.name=tbptt-k1-k2 learner.window=4"};
    law_case what = plain; /* with what depends on the time of a step */
    (void)state;
    what.settings = "cell.name=rate network.units=5 network.dropout=0.3";
    for (size_t l = 0; l < HTH_COUNT(learners); l++) {
        law_rig rig;
        hth_field fields[48];
        void *kept[48];
        law_setup(&rig, &what);
        handles a = handles_make(&rig, learners[l], 2), h = handles_make(&rig, learners[l], 2);
        handles_advance(&rig, &a, 0, 2);
        handles_advance(&rig, &h, 0, 2);
        const size_t count = fields_of(&h, fields);
        for (size_t i = 0; i < count; i++)
            kept[i] =
                memcpy(malloc(bytes_of(&fields[i]) + 1), fields[i].data, bytes_of(&fields[i]));
        hth_real *plainly = go_on(&rig, &a), *given = go_on(&rig, &h);
        assert_int_equal(fields_of(&h, fields), count);
        for (size_t i = 0; i < count; i++) memcpy(fields[i].data, kept[i], bytes_of(&fields[i]));
        hth_real *back = go_on(&rig, &h), *not_back = go_on(&rig, &h);
        assert_memory_equal(plainly, given, rig.count * sizeof *given);
        assert_memory_equal(plainly, back, rig.count * sizeof *given);
        law_assert_differs(&rig, learners[l], not_back, back, 1e-3);
        for (size_t i = 0; i < count; i++) free(kept[i]);
        free(plainly);
        free(given);
        free(back);
        free(not_back);
        handles_drop(&a);
        handles_drop(&h);
        law_teardown(&rig);
    }
}

/* The last step of a sequence is written, and the state goes to another tape before it is learned from: there, too,
 * nothing more is waited for. */
static void test_an_end_survives_a_resume(void **state) {
    law_rig rig;
    hth_error error;
    hth_real *found[2];
    (void)state;
    law_setup(&rig, &plain);
    for (int resumes = 0; resumes < 2; resumes++) {
        handles h = handles_make(&rig, "learner.name=f-bptt learner.window=4", 2);
        handles other = handles_make(&rig, "learner.name=f-bptt learner.window=4", 2);
        handles_advance(&rig, &h, 0, 1);
        const hth_inputs in = {
            .steps = 1, .batch = BATCH, .x = rig.chunk.x + BATCH * INPUTS, .ends = true};
        must(hth_tape_write(h.tape, &in, &error), &error);
        if (resumes) handles_copy_state(&h, &other);
        handles *goes_on = resumes ? &other : &h;
        must(hth_tape_slide(goes_on->tape, 0, &error), &error);
        must(hth_learn(goes_on->learner, goes_on->tape, goes_on->gradient, &error), &error);
        found[resumes] = copy_of(&rig, goes_on);
        handles_drop(&h);
        handles_drop(&other);
    }
    double largest = 0, off = 0;
    for (size_t i = 0; i < rig.network->readout.weight; i++) { /* of the readout nothing waits */
        largest = fmax(largest, fabs((double)found[0][i]));
        off = fmax(off, fabs((double)(found[0][i] - found[1][i])));
    }
    assert_true(largest > 1e-4 && off <= tolerance(1e-13, 1e-5));
    free(found[0]);
    free(found[1]);
    law_teardown(&rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_state_takes_a_run_back),
        cmocka_unit_test(test_an_end_survives_a_resume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
