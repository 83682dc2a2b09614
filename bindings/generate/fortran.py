"""The interface as a Fortran module of bind(C) interfaces (Fortran 2018)."""
from interface import FUNCTION, NotUnderstood, is_array

NUMBERS = {"int32_t": "integer(c_int32_t)", "uint32_t": "integer(c_int32_t)", "int64_t": "integer(c_int64_t)", "uint64_t": "integer(c_int64_t)",
           "size_t": "integer(c_size_t)", "double": "real(c_double)", "float": "real(c_float)", "char": "character(kind=c_char)"}
WIDTH = 130


def wrapped(indent, text):
    """A statement, continued on further lines where it is too long."""
    lines, line = [], indent
    for word in text.split(" "):
        if len(line) + len(word) > WIDTH - 2 and line.strip():
            lines.append(line.rstrip() + " &")
            line = indent + "    "
        line += word + " "
    return lines + [line.rstrip()]


def comment(indent, text):
    lines, line = [], indent + "!>"
    for word in text.split():
        if len(line) + len(word) > WIDTH:
            lines.append(line)
            line = indent + "!!"
        line += " " + word
    return lines + [line] if text else []


class Writer:
    def __init__(self, interface):
        self.interface = interface
        self.numbers = dict(NUMBERS)
        self.numbers.update({alias: NUMBERS[base] for alias, base in interface.aliases.items()})
        self.enums = {name for name, _ in interface.enums}
        self.structs = {name for name, _ in interface.structs}
        self.callbacks = {c.name for c in interface.callbacks}

    def dummy(self, name, used):
        """Declaration of a dummy argument. Pointers are optional: an absent one is NULL."""
        base = used.base
        if used.levels == 0:
            if base in self.enums:
                return f"integer(c_int), value :: {name}"
            if base in self.callbacks:
                return f"type(c_funptr), value :: {name}"
            return f"{self.numbers[base]}, value :: {name}"
        if used.levels == 2:
            return f"type(c_ptr), intent(out) :: {name}"
        intent = "in" if used.const else "inout"
        if base == "char":
            return f"character(kind=c_char), intent({intent}), optional :: {name}(*)"
        if base in self.structs:
            return f"type({base}), intent({intent}), optional :: {name}"
        if base in self.numbers and (is_array(name, used) or name.endswith("_out")):
            return f"{self.numbers[base]}, intent({intent}), optional :: {name}" + ("(*)" if is_array(name, used) else "")
        if base in self.numbers:
            raise NotUnderstood(f"parameter '{name}': one number or many?")
        return f"type(c_ptr), value :: {name}"

    def field(self, name, used):
        if used.base == FUNCTION:
            return f"type(c_funptr) :: {name} = c_null_funptr"
        if used.levels:
            return f"type(c_ptr) :: {name} = c_null_ptr"
        return f"{self.numbers[used.base]} :: {name}" + (f"({used.count})" if used.count else "") + " = 0"

    def result(self, used):
        if used.levels:
            return "type(c_ptr)"
        return "integer(c_int)" if used.base in self.enums else self.numbers[used.base]

    def procedure(self, function, indent, binding):
        names = ", ".join(name for name, _ in function.parameters)
        void = function.result.base == "void" and not function.result.levels
        kind = "subroutine" if void else "function"
        tail = "" if void else " result(answer)"
        lines = comment(indent, function.brief)
        lines += wrapped(indent, f"{kind} {function.name}({names}){tail} {binding}")
        lines.append(f"{indent}  import")
        lines += [f"{indent}  {self.dummy(*p)}" for p in function.parameters]
        if not void:
            lines.append(f"{indent}  {self.result(function.result)} :: answer")
        return lines + [f"{indent}end {kind} {function.name}"]

    def module(self):
        lines = ["! Generated from bindings/swig/ptk.i by bindings/generate/generate.py; changes are lost.",
                 "!> The C interface of PtychoKit as it is: constants, structs, functions. Absent optional arguments are NULL.",
                 "!! The convenient module is `ptychokit`. Texts end with c_null_char; arrays have the reversed shape of C.",
                 "module ptychokit_c", "  use, intrinsic :: iso_c_binding", "  implicit none", "  public", ""]
        for name, value in self.interface.constants:
            lines.append(f"  integer(c_int32_t), parameter :: {name} = {value}")
        for name, items in self.interface.enums:
            lines += ["", f"  ! enum {name}"]
            lines += [f"  integer(c_int32_t), parameter :: {item} = {value}" for item, value in items]
        for name, fields in self.interface.structs:
            lines += ["", f"  type, bind(C) :: {name}"]
            lines += [f"    {self.field(*f)}" for f in fields]
            lines.append(f"  end type {name}")
        lines += ["", "  abstract interface"]
        for callback in self.interface.callbacks:
            lines += self.procedure(callback, "    ", "bind(C)") + [""]
        lines += ["  end interface", "", "  interface"]
        for function in self.interface.functions:
            lines += self.procedure(function, "    ", f'bind(C, name="{function.name}")') + [""]
        return "\n".join(lines[:-1] + ["  end interface", "end module ptychokit_c", ""])

    def layout(self):
        """A program that prints size and place of every field of every struct, as layout.py does for C."""
        lines = ["program layout", "  use ptychokit_c", "  implicit none"]
        for name, _ in self.interface.structs:
            lines.append(f"  type({name}), target :: v_{name}")
        for name, fields in self.interface.structs:
            lines.append(f"  print '(a,1x,i0)', '{name}', c_sizeof(v_{name})")
            for field, used in fields:
                first = f"v_{name}%{field}" + ("(1)" if used.count else "")
                lines += wrapped("  ", f"print '(a,1x,i0,1x,i0)', '{name}.{field}', address(c_loc({first})) - address(c_loc(v_{name})), "
                                       f"c_sizeof(v_{name}%{field})")
        for item, _ in self.interface.constants + [i for _, items in self.interface.enums for i in items]:
            lines.append(f"  print '(a,1x,i0)', '{item}', {item}")
        return "\n".join(lines + ["contains", "  function address(p) result(number)", "    type(c_ptr), intent(in) :: p",
                                  "    integer(c_intptr_t) :: number", "    number = transfer(p, number)", "  end function", "end program", ""])
