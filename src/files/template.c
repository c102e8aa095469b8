/* Templates: text with words to fill in; see tree.h. */
#include "files/tree.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_WORD = 40, DEEPEST = 8 };

typedef struct filling {
    const hth_words *words;
    FILE *out;
    bool shows[DEEPEST +
               1]; /* of the conditions that stand in each other: whether text is written */
    int depth;
} filling;

/* The word that begins at '@'. Returns where the text goes on, or NULL: there is none. */
static const char *find_word(const char *at, char word[LONGEST_WORD]) {
    size_t length = 0;
    for (at++; *at != '@'; at++) {
        const bool fits =
            (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_' || *at == ' ';
        if (!fits || length + 1 == LONGEST_WORD) return NULL;
        word[length++] = *at;
    }
    word[length] = '\0';
    return length ? at + 1 : NULL;
}

/* Takes a condition. False: the word is none. */
static bool take_condition(filling *f, const char *word) {
    bool *now = &f->shows[f->depth];
    if (strncmp(word, "if ", 3) == 0 && f->depth < DEEPEST) {
        f->shows[++f->depth] = *now && f->words->holds(f->words->context, word + 3);
        return true;
    }
    if (strcmp(word, "else") == 0 && f->depth > 0) {
        *now = f->shows[f->depth - 1] && !*now;
        return true;
    }
    if (strcmp(word, "end") == 0 && f->depth > 0) {
        f->depth--;
        return true;
    }
    return false;
}

static void fill(filling *f, const char *text) {
    char word[LONGEST_WORD];
    for (const char *at = text; *at;) {
        const char *next = *at == '@' ? find_word(at, word) : NULL;
        const bool starts_line = at == text || at[-1] == '\n';
        if (next && take_condition(f, word)) {
            /* A condition alone in its line takes the line with it. */
            at = starts_line && *next == '\n' ? next + 1 : next;
        } else if (!f->shows[f->depth]) {
            at++;
        } else if (next && f->words->put(f->words->context, word, f->out)) {
            at = next;
        } else {
            fputc(*at++, f->out);
        }
    }
}

/* The whole file as a text that the caller frees. */
static hth_status read_text(const char *path, char **out, hth_error *error) {
    FILE *file = fopen(path, "rbe");
    if (!file) return hth_file_fail(path, "read", error);
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    *out = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
    const bool read = *out && fread(*out, 1, (size_t)size, file) == (size_t)size;
    const hth_status status = read ? HTH_OK : hth_file_fail(path, "read", error);
    fclose(file);
    if (!read) free(*out);
    return status;
}

hth_status hth_template_fill(const char *from, const hth_words *words, const char *to,
                             hth_error *error) {
    char *text = NULL;
    HTH_TRY(read_text(from, &text, error));
    filling f = {.words = words, .out = fopen(to, "wbe"), .shows = {true}};
    if (f.out) fill(&f, text);
    free(text);
    if (!f.out) return hth_file_fail(to, "written", error);
    const bool written = !ferror(f.out);
    if (fclose(f.out) == 0 && written) return HTH_OK;
    return hth_file_fail(to, "written", error);
}
