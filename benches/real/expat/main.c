#include <stdio.h>
#include <string.h>

#include <expat.h>

#include "data.h"

static char document[1 << 18];
static u32 sum;

static void XMLCALL begin(void *data, const char *name, const char **attributes) {
    (void)data;
    sum = mix_bytes(sum, name, strlen(name));
    for (; *attributes; attributes += 2)
        sum = mix(sum, (u8)attributes[1][0]);
}

static void XMLCALL end(void *data, const char *name) {
    (void)data;
    sum = mix(sum, (u8)name[0]);
}

static void XMLCALL text(void *data, const char *text, int length) {
    (void)data;
    sum = mix(mix(sum, (u32)length), (u8)text[length - 1]);
}

static u32 write(void) {
    u32 state = 11;
    char *at = document;
    at += sprintf(at, "<?xml version=\"1.0\"?>\n<catalogue>\n");
    for (u32 i = 0; i < 1000; i++) {
        u32 kind = next(&state) % 99, price = next(&state) % 900;
        at += sprintf(at, "  <item id=\"%u\" kind='%x'>\n    <name>item &amp; %u &#x%x;</name>\n", i, kind, price, 0x100 + kind);
        at += sprintf(at, "    <price currency=\"EUR\">%u.%u</price><empty/>\n  </item>\n", price, kind);
    }
    at += sprintf(at, "</catalogue>\n");
    return (u32)(at - document);
}

int run(int n) {
    u32 length = write();
    sum = 0;
    for (int i = 0; i < n; i++) {
        XML_Parser parser = XML_ParserCreate("UTF-8");
        XML_SetHashSalt(parser, 12345);
        XML_SetElementHandler(parser, begin, end);
        XML_SetCharacterDataHandler(parser, text);
        if (XML_Parse(parser, document, (int)length, 1) != XML_STATUS_OK)
            return -1;
        XML_ParserFree(parser);
    }
    return (int)sum;
}
