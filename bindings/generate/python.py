"""The interface as SWIG gives it to Python (bindings/swig/ptk_python.i), as type stubs."""
import re

from interface import NotUnderstood

NUMBERS = {"int32_t": "int", "uint32_t": "int", "int64_t": "int", "uint64_t": "int", "size_t": "int", "double": "float", "float": "float"}
# Described to the compiled module by itself, or released with the object.
HIDDEN = {"ptk_view_init", "ptk_view_from_dlpack"}
# Parameters that become one argument or a result.
TOGETHER = {("buf", "capacity", "needed_out"): "str", ("shape_out", "capacity", "ndim_out"): "Tuple[int, ...]"}
LISTENERS = {"ptk_progress_fn": "ptk_progress_listener", "ptk_log_fn": "ptk_log_listener"}
HEAD = '''# Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.
"""The C interface of PtychoKit as it is: functions, constants, handles that release what they hold.

A failed call raises ptychokit.Error. Arrays are buffers or DLPack tensors; outputs are written in place.
"""
from typing import Any, List, Optional, Protocol, Tuple, Union

import numpy

class _Tensor(Protocol):
    def __dlpack__(self, *, max_version: Optional[Tuple[int, int]] = ...) -> Any: ...

Array = Union["numpy.ndarray[Any, Any]", memoryview, _Tensor]

class ptk_progress_listener:
    """Derive from it; return True to go on."""
    def __init__(self) -> None: ...
    def on_progress(self, progress: ptk_progress) -> bool: ...

class ptk_log_listener:
    """Derive from it."""
    def __init__(self) -> None: ...
    def on_message(self, level: int, area: str, message: str) -> None: ...
'''


class Writer:
    def __init__(self, interface, comments):
        self.interface = interface
        self.numbers = {**NUMBERS, **{alias: NUMBERS[base] for alias, base in interface.aliases.items()}}
        self.numbers.update({name: "int" for name, _ in interface.enums})
        self.handles = [name for name in interface.opaque if f"{name}_free" in {function.name for function in interface.functions}]
        self.comments = comments

    def may_be_null(self, function, name, used):
        said = re.search(rf"@param(?:\[\w+\])?\s+{name}\s((?:(?!@param|@return).)*)", self.comments.get(function, ""))
        options = used.const and used.base == "ptk_config" and name == "config"
        return options or bool(said and "NULL" in said[1])

    def argument(self, function, name, used):
        """`name: type` of a parameter that stays one."""
        if used.base in self.numbers and used.levels == 0:
            return f"{name}: {self.numbers[used.base]}"
        if used.base == "ptk_generator_table":
            return f"{name}: int"  # its address
        if used.base in LISTENERS:
            return f"{name}: Optional[{LISTENERS[used.base]}]"
        kinds = {"char": "str", "ptk_view": "Array", **{handle: handle for handle in self.handles}}
        if used.levels != 1 or used.base not in kinds:
            raise NotUnderstood(f"{function}: parameter '{name}'")
        kind = kinds[used.base]
        return f"{name}: Optional[{kind}]" if self.may_be_null(function, name, used) else f"{name}: {kind}"

    def signature(self, function):
        """Arguments and results as they are after the typemaps."""
        arguments, results, left = [], [], list(function.parameters)
        while left:
            group = next((names for names in TOGETHER if names == tuple(name for name, _ in left[:3])), None)
            if group:
                results.append(TOGETHER[group])
                left = left[3:]
                continue
            name, used = left.pop(0)
            if name == "user_data":
                continue
            if used.levels == 2:
                results.append(used.base)
            elif used.levels == 1 and used.base in self.numbers and name.endswith("_out"):
                results.append(self.numbers[used.base])
            else:
                arguments.append(self.argument(function.name, name, used))
        return arguments, results

    def result(self, function, results):
        if len(results) == 1:
            return results[0]
        if results:
            return f"List[{results[0]}]"
        if function.result.base == "char":
            return "str"
        if function.result.base == "void" or (function.result.base == "ptk_status" and function.name != "ptk_last_error"):
            return "None"
        return self.numbers[function.result.base]

    def function(self, function):
        arguments, results = self.signature(function)
        head = f"def {function.name}({', '.join(arguments)}) -> {self.result(function, results)}:"
        return f"{head}\n    {quoted(function.brief)}" if function.brief else f"{head} ..."

    def fields(self, name, fields):
        kinds = [(field, "str" if used.base == "char" else self.numbers.get(used.base, "Any") if not used.count else "Any")
                 for field, used in fields if field != "struct_size"]
        return [f"class {name}:"] + [f"    @property\n    def {field}(self) -> {kind}: ..." for field, kind in kinds]

    def module(self):
        lines = [HEAD]
        lines += [f"{name}: int" for name, _ in self.interface.constants]
        for name, items in self.interface.enums:
            lines += ["", f"# enum {name}"] + [f"{item}: int" for item, _ in items]
        for name in self.handles:
            lines += ["", f"class {name}:", f"    {quoted('A handle; released with the last reference to it.')}", "    thisown: bool"]
        for name, fields in self.interface.structs:
            if name in ("ptk_progress", "ptk_view"):
                lines += ["", *self.fields(name, fields)]
        for function in self.interface.functions:
            if function.name not in HIDDEN and not function.name.endswith("_free"):
                lines += ["", self.function(function)]
        return "\n".join(lines) + "\n"


def quoted(text):
    sentence = text[:-1] + "." if text.endswith(":") else text
    return f'r"""{sentence}"""'
