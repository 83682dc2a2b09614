"""The interface as a Julia module of @ccall functions."""
from interface import FUNCTION

NUMBERS = {"int32_t": "Int32", "uint32_t": "UInt32", "int64_t": "Int64", "uint64_t": "UInt64", "size_t": "Csize_t", "double": "Cdouble",
           "float": "Cfloat", "char": "UInt8", "void": "Cvoid", "DLManagedTensorVersioned": "Cvoid", FUNCTION: "Cvoid"}
HEAD = '''# Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.
"The C interface of PtychoKit as it is: constants, structs, functions. Arrays have the reversed shape of C."
module LibPtychoKit

import Libdl

# The library is found by its soname once it is loaded; __init__ loads the one that the environment names.
const libptychokit = "libptychokit.so.0"

function __init__()
    path = get(ENV, "PTYCHOKIT_LIBRARY", libptychokit)
    # Without RTLD_DEEPBIND, Julia's default: LibTorch must see one C++ runtime.
    Libdl.dlopen(path, Libdl.RTLD_LAZY | Libdl.RTLD_LOCAL)
end
'''


class Writer:
    def __init__(self, interface):
        self.interface = interface
        self.enums = {name for name, _ in interface.enums}
        self.callbacks = {c.name for c in interface.callbacks}

    def named(self, base):
        if base in self.enums:
            return "Int32"
        if base in self.callbacks:
            return "Ptr{Cvoid}"
        return NUMBERS.get(base, base)

    def type(self, used, argument=False):
        if argument and used.base == "char" and used.const and used.levels == 1:
            return "Cstring"
        text = self.named(used.base)
        for _ in range(used.levels):
            text = f"Ptr{{{text}}}"
        return f"NTuple{{{used.count}, {text}}}" if used.count else text

    def module(self):
        lines = [HEAD]
        lines += [f"const {name} = Int32({value})" for name, value in self.interface.constants]
        for name, items in self.interface.enums:
            lines += ["", f"# enum {name}"] + [f"const {item} = Int32({value})" for item, value in items]
        lines += [""] + [f"const {name} = {NUMBERS[base]}" for name, base in self.interface.aliases.items()]
        lines += ["", "# Handles: only pointers to them exist."] + [f"mutable struct {name} end" for name in self.interface.opaque]
        for name, fields in self.interface.structs:
            lines += ["", f"struct {name}"] + [f"    {field}::{self.type(used)}" for field, used in fields] + ["end"]
        lines += ["", "# Function pointers, for @cfunction."]
        for callback in self.interface.callbacks:
            arguments = ", ".join(self.type(used) for _, used in callback.parameters)
            lines.append(f"# {callback.name}: {self.type(callback.result)} ({arguments})")
        for function in self.interface.functions:
            names = ", ".join(name for name, _ in function.parameters)
            typed = ", ".join(f"{name}::{self.type(used, True)}" for name, used in function.parameters)
            brief = function.brief.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
            lines += ["", f'"{brief}"'] if brief else [""]
            lines.append(f"{function.name}({names}) =\n    @ccall libptychokit.{function.name}({typed})::{self.type(function.result)}")
        exported = [n for n, _ in self.interface.constants] + [i for _, items in self.interface.enums for i, _ in items]
        exported += list(self.interface.aliases) + self.interface.opaque + [s for s, _ in self.interface.structs]
        exported += [f.name for f in self.interface.functions]
        lines += ["", "export " + ",\n    ".join(exported), "", "end", ""]
        return "\n".join(lines)
