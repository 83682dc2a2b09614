#include <ptychokit/ptychokit.h>
#include <stdio.h>

int main(void)
{
    ptk_context* context = NULL;
    if (ptk_context_create(&context, "cpu", NULL) != PTK_OK) {
        fprintf(stderr, "%s\n", ptk_last_error_message());
        return 1;
    }
    printf("%s\n", ptk_build_info());
    ptk_context_free(context);
    return 0;
}
