"""C programs that the tests of the bindings hold the other languages to."""

LAYOUT = """#include <ptychokit/ptychokit.h>
#include <stddef.h>
#include <stdio.h>
int main(void)
{
%s
    return 0;
}
"""
CALLS = """/* Stands before libptychokit, notes the name of every function that is called, and hands the call on. */
#define _GNU_SOURCE
#include <ptychokit/ptychokit.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static void *next(const char *name)
{
    static void *library;
    const char *log = getenv("PTK_CALLS");
    FILE *file = log == NULL ? NULL : fopen(log, "a");
    void *found;
    if (file != NULL) {
        fprintf(file, "%%s\\n", name);
        fclose(file);
    }
    if (library == NULL)
        library = dlopen(PTK_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    found = library == NULL ? NULL : dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "%%s: %%s\\n", name, dlerror());
        exit(70);
    }
    return found;
}
%s"""


def spelled(interface, used):
    structs = [s for s, _ in interface.structs] + interface.opaque
    base = f"struct {used.base}" if used.base == "DLManagedTensorVersioned" else used.base
    base = f"enum {base}" if base in [e for e, _ in interface.enums] and base not in structs else base
    return ("const " if used.const else "") + base + " " + "*" * used.levels


def layout(interface):
    lines = []
    for name, fields in interface.structs:
        lines.append(f'    printf("{name} %d\\n", (int)sizeof({name}));')
        lines += [f'    printf("{name}.{field} %d %d\\n", (int)offsetof({name}, {field}), (int)sizeof((({name} *)0)->{field}));'
                  for field, _ in fields]
    for item, _ in interface.constants + [i for _, items in interface.enums for i in items]:
        lines.append(f'    printf("{item} %d\\n", (int){item});')
    return LAYOUT % "\n".join(lines)


def calls(interface):
    text = ""
    for function in interface.functions:
        typed = ", ".join(f"{spelled(interface, used)}{name}" for name, used in function.parameters) or "void"
        types = ", ".join(spelled(interface, used) for _, used in function.parameters) or "void"
        names = ", ".join(name for name, _ in function.parameters)
        result = spelled(interface, function.result)
        void = function.result.base == "void" and not function.result.levels
        text += f"{result}{function.name}({typed})\n{{\n    static {result}(*real)({types});\n    if (real == NULL)\n"
        text += f'        *(void **)&real = next("{function.name}");\n    {"" if void else "return "}real({names});\n}}\n'
    return CALLS % text
