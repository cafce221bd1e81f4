#include <stdlib.h>

#include <cJSON.h>

#include "document.h"

int run(int n) {
    u32 sum = 0;
    write_document();
    for (int i = 0; i < n; i++) {
        cJSON *item, *root = cJSON_Parse(document);
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(root, "items")) {
            sum = mix(sum, (u32)cJSON_GetObjectItem(item, "id")->valueint);
            sum = mix(sum, (u32)(cJSON_GetObjectItem(item, "price")->valuedouble * 100));
            sum = mix(sum, (u32)cJSON_GetArraySize(cJSON_GetObjectItem(item, "sizes")));
        }
        char *text = cJSON_PrintUnformatted(root);
        sum = mix_bytes(sum, text, 100);
        free(text);
        cJSON_Delete(root);
    }
    return (int)sum;
}
