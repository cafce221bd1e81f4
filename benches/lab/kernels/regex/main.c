/* Patterns searched in the lines of a text. */
#include "regex.h"
#include "../text.h"

static u8 text[1 << 14];

static const char *const patterns[] = {
    "e(t|a)+o",
    "^[a-e]+ .*(s|n)$",
    "[^aeiou ][^aeiou ][^aeiou ]+",
    "(tea|toe|hat|see|one)s? (e|t)",
    "i?i?i?iii|t*t*tt e",
};

int run(int n) {
    u32 sum = 0;
    write_text(text, sizeof text, 23);
    for (int i = 0; i < n; i++)
        for (u32 p = 0; p < LENGTH(patterns); p++) {
            if (!regex_compile(patterns[p]))
                return -1;
            for (u32 at = 0; at < sizeof text;) {
                u32 end = at;
                while (end < sizeof text && text[end] != '\n')
                    end++;
                sum = mix(sum, (u32)regex_search((const char *)text + at, end - at));
                at = end + 1;
            }
        }
    return (int)sum;
}
