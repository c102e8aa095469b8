/* Whether a text is well-formed as XML is: tags that close in order, quoted attributes, entities, letters that it
 * allows. */
#ifndef HTH_TEST_MARKUP_H
#define HTH_TEST_MARKUP_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Past the tag at '<'; NULL: it is none. Attributes have values in double quotes, without '<' or '&' alone. */
static inline const char *markup_tag_end(const char *at) {
    bool quoted = false;
    for (at++; *at; at++) {
        if (*at == '"') quoted = !quoted;
        if (*at == '<') return NULL;
        if (*at == '>' && !quoted) return at + 1;
    }
    return NULL;
}

/* Where it is wrong; NULL: it is well-formed. Void elements of HTML (meta, br) and <!DOCTYPE> may be there. */
static inline const char *markup_fault(const char *text) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    char open[64][16];
    size_t depth = 0;
    for (const char *at = text; *at;) {
        const unsigned char c = (unsigned char)*at;
        if (c < 0x20 && c != '\n') return at;
        if (c == '&') {
            bool known = false;
            for (size_t i = 0; i < sizeof entities / sizeof *entities; i++)
                known = known || strncmp(at, entities[i], strlen(entities[i])) == 0;
            if (!known) return at;
        }
        if (c != '<') {
            at++;
            continue;
        }
        const char *end = markup_tag_end(at);
        if (!end) return at;
        const bool closes = at[1] == '/';
        const char *name = at + 1 + closes;
        const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
        const bool alone = end[-2] == '/' || at[1] == '!' || strncmp(name, "meta", 4) == 0;
        if (length >= sizeof open[0] || depth == 64) return at;
        if (closes && (depth == 0 || strlen(open[depth - 1]) != length ||
                       strncmp(open[depth - 1], name, length) != 0))
            return at;
        if (closes) depth--;
        if (!closes && !alone) {
            memcpy(open[depth], name, length);
            open[depth++][length] = '\0';
        }
        at = end;
    }
    return depth ? "an element is not closed" : NULL;
}

#endif
