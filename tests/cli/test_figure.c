/* Pictures: what is written is well-formed whatever texts and numbers are in it, and does not grow with the steps. */
#include "cli/figure.h"
#include "cli/markup.h"
#include "scratch.h"

#include <math.h>

enum { MOST = 4 << 20 };

/* Valid until the next call. */
static const char *draw(figure *f, double width) {
    static char text[MOST];
    FILE *file = tmpfile();
    assert_non_null(file);
    figure_find_ranges(f);
    figure_put_svg(file, f, width);
    rewind(file);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    assert_true(length < sizeof text - 1);
    text[length] = '\0';
    fclose(file);
    const char *fault = markup_fault(text);
    if (fault) fail_msg("not well-formed at: %.80s", fault);
    if (strstr(text, "nan") || strstr(text, "inf")) fail_msg("a number that is none");
    return text;
}

static figure *with_line(const char *title, size_t count, double (*y)(size_t i)) {
    figure *f = figure_create(title, "time step");
    figure_line *line = figure_add_line(figure_add_panel(f, "", 300), title, count, true);
    for (size_t i = 0; i < count; i++) {
        line->x[i] = (double)i;
        line->y[i] = y(i);
        line->low[i] = y(i) - 0.1;
        line->high[i] = y(i) + 0.1;
    }
    return f;
}

static double wave(size_t i) {
    return 2 + sin(0.01 * (double)i) + 0.3 * sin(1.7 * (double)i);
}

static double gaps(size_t i) {
    return i % 7 == 3 ? NAN : i % 11 == 5 ? INFINITY : i == 20 ? 1e300 : 0.1 * (double)i;
}

static double constant(size_t i) {
    (void)i;
    return -3;
}

/* ---- Texts ---------------------------------------------------------------------------------- */

static void texts_of_any_bytes(void **state) {
    (void)state;
    static const char *const texts[] = {"a <b> & \"c\" 'd'",
                                        "</svg><script>alert(1)</script>",
                                        "\x1b[31m\x07\n\t\x7f",
                                        "\xff\xfe\xc3",
                                        "\xc2\x9b \xed\xa0\x80",
                                        "\xe2\x82\xac \xf0\x9f\x98\x80 \xef\xbf\xbf",
                                        "]]>",
                                        ""};
    for (size_t i = 0; i < HTH_COUNT(texts); i++) {
        figure *f = with_line(texts[i], 10, wave);
        snprintf(f->note, sizeof f->note, "%s", texts[i]);
        snprintf(f->panels[0].label, sizeof f->panels[0].label, "%s", texts[i]);
        snprintf(f->panels[0].title, sizeof f->panels[0].title, "%s", texts[i]);
        figure_add_level(&f->panels[0], texts[i], 2);
        assert_null(strstr(draw(f, 900), "<script"));
        draw(f, 380);
        figure_destroy(f);
    }
    figure *f = with_line("\xe2\x82\xac & <b>", 10, wave);
    assert_non_null(
        strstr(draw(f, 900), ">\xe2\x82\xac &amp; &lt;b&gt;<")); /* what may stay stays */
    figure_destroy(f);
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static void numbers_of_any_kind(void **state) {
    (void)state;
    double (*const all[])(size_t) = {wave, gaps, constant};
    const size_t counts[] = {0, 1, 2, 100};
    for (size_t i = 0; i < 2 * HTH_COUNT(all) * HTH_COUNT(counts); i++) {
        figure *f =
            with_line("x", counts[i / 2 % HTH_COUNT(counts)], all[i / 2 / HTH_COUNT(counts)]);
        f->panels[0].logarithmic = i % 2;
        draw(f, 900);
        assert_true(f->panels[0].low < f->panels[0].high && f->x_low < f->x_high);
        figure_destroy(f);
    }
}

/* All that falls into a column of dots is one stroke from its least to its largest number. */
static void size_does_not_grow_with_steps(void **state) {
    (void)state;
    figure *f = with_line("x", 4000, wave);
    const size_t some = strlen(draw(f, 900));
    figure_destroy(f);
    f = with_line("x", 400000, wave);
    const size_t many = strlen(draw(f, 900));
    assert_true(many < some + some / 2);
    assert_true(many < 100000);
    figure_destroy(f);
    /* A peak of one step is still there. */
    f = with_line("x", 400000, wave);
    f->panels[0].lines[0]->y[222222] = 9;
    f->panels[0].lines[0]->high[222222] = 9;
    draw(f, 900);
    assert_true(f->panels[0].high > 9);
    figure_destroy(f);
}

/* ---- Rasters -------------------------------------------------------------------------------- */

typedef struct spikes {
    size_t row, step;
} spikes;

static double spike_at(const void *context, size_t row, size_t step) {
    const spikes *s = context;
    return s ? row == s->row && step == s->step : (row * 7919 + step * 104729) % 97 < 5;
}

static figure *raster(size_t rows, size_t columns, const spikes *s) {
    figure *f = figure_create("r", "time step");
    figure_panel *p = figure_add_panel(f, "spikes", 360);
    p->kind = FIGURE_RASTER;
    p->rows = rows;
    p->columns = columns;
    p->at = spike_at;
    p->context = s;
    p->rates = true;
    f->x_low = -0.5;
    f->x_high = (double)columns - 0.5;
    return f;
}

static size_t count_strokes(const char *text) {
    size_t count = 0;
    for (; (text = strstr(text, "h")); text++) count += text[1] >= '0' && text[1] <= '9';
    return count;
}

/* 400 units over 20,000 steps: every unit has its row, one spike among 8 million numbers is seen, and the file can be
 * opened. */
static void rasters_can_be_read(void **state) {
    (void)state;
    const spikes lone = {333, 17777};
    figure *f = raster(400, 20000, &lone);
    const char *text = draw(f, 900);
    assert_int_equal(count_strokes(text), 2); /* it, and its bar */
    assert_true(strlen(text) < 8000);
    figure_destroy(f);
    f = raster(400, 20000, NULL);
    text = draw(f, 900);
    assert_true(count_strokes(text) > 400);
    assert_true(strlen(text) < 2000000);
    figure_destroy(f);
    const size_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {1, 1}, {5000, 3}};
    for (size_t i = 0; i < HTH_COUNT(sizes); i++) {
        f = raster(sizes[i][0], sizes[i][1], NULL);
        draw(f, 900);
        f->panels[0].kind = FIGURE_MAP;
        draw(f, 380);
        figure_destroy(f);
    }
}

static double weight_at(const void *context, size_t row, size_t step) {
    (void)context;
    return row == 1 && step == 2 ? 0.75 : 0;
}

/* A map of numbers that are all 0 or more is white where they are 0, in gnuplot's pictures too. */
static void zero_is_white(void **state) {
    (void)state;
    char *text = NULL;
    size_t size;
    figure *f = raster(2, 3, NULL);
    f->panels[0].kind = FIGURE_MAP;
    f->panels[0].at = weight_at;
    FILE *out = open_memstream(&text, &size);
    figure_put_gnuplot(out, f, "map.png");
    fclose(out);
    assert_non_null(strstr(text, "set cbrange [-0.75:0.75]"));
    free(text);
    figure_destroy(f);
}

/* Panels leave room for the longest name beside them, and the axis below the last one says its unit. */
static void names_beside_panels_have_room(void **state) {
    (void)state;
    double end[2];
    static const char *const names[] = {"short", "0123456789 0123456789 0123456789"};
    for (size_t i = 0; i < 2; i++) {
        char *text = NULL;
        size_t size;
        figure *f = figure_create("two", "step");
        figure_add_line(figure_add_panel(f, "a", 200), names[i], 2, false)->x[1] = 200000;
        figure_add_line(figure_add_panel(f, "b", 200), "", 2, false);
        figure_find_ranges(f);
        FILE *out = open_memstream(&text, &size);
        figure_put_gnuplot(out, f, "two.png");
        fclose(out);
        const char *margin = strstr(text, "set rmargin at screen ");
        assert_non_null(margin);
        end[i] = strtod(strpbrk(margin, "0123456789"), NULL);
        const char *last = strstr(text, "set format x\nset xlabel");
        assert_non_null(last);
        assert_non_null(strstr(last, "step (thousands)"));
        free(text);
        figure_destroy(f);
    }
    /* A letter is about a hundredth of the width. */
    assert_true(end[0] == 0.82 && end[1] < 0.65 && end[1] > 0.5);
}

/* ---- Ticks ---------------------------------------------------------------------------------- */

static void ticks_are_round(void **state) {
    (void)state;
    double ticks[FIGURE_TICKS];
    const char *unit;
    assert_int_equal(figure_ticks(0.44, 0.71, false, 6, ticks), 6);
    assert_true(fabs(ticks[0] - 0.45) < 1e-12 && fabs(ticks[5] - 0.7) < 1e-12);
    assert_int_equal(figure_ticks(0, 200000, false, 5, ticks), 5);
    assert_int_equal(figure_ticks(0.02, 3000, true, 5, ticks), 5);
    assert_true(ticks[0] == 0.1 && fabs(ticks[4] - 1000) < 1e-9);
    for (double low = -1e9; low < 1e5; low = low / 2 + 1e5)
        for (double span = 1e-3; span < 1e9; span *= 7) {
            const size_t count = figure_ticks(low, low + span, false, 6, ticks);
            assert_true(count <= 8);
            for (size_t i = 1; i < count; i++) assert_true(ticks[i] > ticks[i - 1]);
        }
    assert_int_equal(figure_ticks(1, 1, false, 6, ticks), 0);
    assert_int_equal(figure_ticks(NAN, 1, false, 6, ticks), 0);
    assert_true(figure_scale(200000, &unit) == 1000);
    assert_string_equal(unit, " (thousands)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_any_bytes),
        cmocka_unit_test(numbers_of_any_kind),
        cmocka_unit_test(size_does_not_grow_with_steps),
        cmocka_unit_test(rasters_can_be_read),
        cmocka_unit_test(zero_is_white),
        cmocka_unit_test(names_beside_panels_have_room),
        cmocka_unit_test(ticks_are_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
