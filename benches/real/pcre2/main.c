#include <pcre2.h>

#include "data.h"

static const char *const patterns[] = {
    "\\b([a-z])[a-z]*\\1\\b",
    "(?i)th[ae]|(?:in|on|at)[tes]+\\s+\\w{3,5}",
    "[^ \\n]*e[^ \\n]*t[^ \\n]*(?= )",
};

static u8 text[64 << 10];

int run(int n) {
    u32 sum = 0;
    write_text(text, sizeof text, 9);
    for (int i = 0; i < n; i++) {
        int error;
        PCRE2_SIZE at = 0;
        const char *pattern = patterns[i % 3];
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
        pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
        for (at = 0; pcre2_match(code, text, sizeof text, at, 0, match, NULL) > 0;) {
            PCRE2_SIZE *places = pcre2_get_ovector_pointer(match);
            sum = mix(mix(sum, (u32)places[0]), (u32)places[1]);
            at = places[1] + (places[0] == places[1]);
        }
        pcre2_match_data_free(match);
        pcre2_code_free(code);
    }
    return (int)sum;
}
