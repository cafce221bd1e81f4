#include <stdlib.h>

#include <yyjson.h>

#include "document.h"

int run(int n) {
    u32 sum = 0, length = write_document();
    for (int i = 0; i < n; i++) {
        yyjson_doc *doc = yyjson_read(document, length, 0);
        yyjson_val *item, *items = yyjson_obj_get(yyjson_doc_get_root(doc), "items");
        yyjson_arr_iter each;
        for (yyjson_arr_iter_init(items, &each); (item = yyjson_arr_iter_next(&each));) {
            sum = mix(sum, (u32)yyjson_get_uint(yyjson_obj_get(item, "id")));
            sum = mix(sum, (u32)(yyjson_get_real(yyjson_obj_get(item, "price")) * 100));
            sum = mix(sum, (u32)yyjson_arr_size(yyjson_obj_get(item, "sizes")));
        }
        size_t written;
        char *text = yyjson_write(doc, 0, &written);
        sum = mix_bytes(mix(sum, (u32)written), text, 100);
        free(text);
        yyjson_doc_free(doc);
    }
    return (int)sum;
}
