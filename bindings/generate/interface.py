"""The public interface, read from SWIG's XML of bindings/swig/ptk.i. What is not understood stops the generator."""
import dataclasses
import pathlib
import re
import subprocess
import tempfile
import xml.etree.ElementTree as xml

NUMBERS = {"int32_t", "uint32_t", "int64_t", "uint64_t", "size_t", "double", "float"}
FUNCTION = "function"  # what a field of a table of functions points to


class NotUnderstood(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Type:
    """A C type: `levels` pointers to `base`; `const` is that of what is pointed to; `count` is above 0 for an array in a struct."""
    base: str
    levels: int = 0
    const: bool = False
    count: int = 0


@dataclasses.dataclass(frozen=True)
class Function:
    name: str
    result: Type
    parameters: tuple  # of (name, Type)
    brief: str


@dataclasses.dataclass
class Interface:
    constants: list   # (name, value)
    enums: list       # (name, [(name, value)])
    aliases: dict     # typedef of a number: name -> C type
    opaque: list      # names of handles
    structs: list     # (name, [(field, Type)])
    callbacks: list   # Function of every function pointer type
    functions: list


def run_swig(root):
    """SWIG's XML of the interface file, as text."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "ptk.xml"
        subprocess.run(["swig", "-xml", "-xmllite", "-c++", "-DSWIGWORDSIZE64", f"-I{root}/capi/include", f"-I{root}/bindings/swig", "-o", out,
                        f"{root}/bindings/swig/ptk.i"], check=True)
        return out.read_text()


def attributes(node):
    listed = node.find("attributelist")
    found = {} if listed is None else {a.get("name"): a.get("value") for a in listed.findall("attribute")}
    return {key: value.replace("\\\\", "\\") for key, value in found.items()}


def parse_type(code):
    """`p.q(const).char` and the like; parameters that are function pointers come by the name of their typedef."""
    if code.startswith("p.f("):
        return Type(FUNCTION, 1)
    array = re.match(r"^a\((\d+)\)\.(.*)$", code)
    count = int(array[1]) if array else 0
    code = array[2] if array else code
    levels, const = 0, False
    while code.startswith(("p.", "q(const).")):
        levels += code.startswith("p.")
        const = const or code.startswith("q(")
        code = code[2:] if code.startswith("p.") else code[len("q(const)."):]
    base = re.sub(r"^(enum|struct) ", "", code)
    if not re.fullmatch(r"\w+", base):
        raise NotUnderstood(f"type '{code}'")
    return Type(base, levels, const, count)


def parameters_of(node):
    found = [attributes(p) for p in node.findall("attributelist/parmlist/parm")]
    found = [p for p in found if p["type"] != "void"]
    return tuple((p["name"], parse_type(p["type"])) for p in found)


def without_arguments(declarator):
    """What follows the leading balanced `f(...).` of a function."""
    depth = 0
    for i, character in enumerate(declarator):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            return declarator[i + 2:]
    raise NotUnderstood(f"declarator '{declarator}'")


def comments(root):
    """The comment of every declaration, on one line; the XML has none."""
    found = {}
    for header in sorted((root / "capi/include/ptychokit").glob("*.h")):
        for comment, declaration in re.findall(r"/\*\*((?:(?!\*/).)*)\*/\s*((?:(?!/\*)[^;{])*)", header.read_text(), flags=re.S):
            name = re.search(r"(ptk_\w+)\s*\(|\(\*(ptk_\w+)\)", declaration)
            if name:
                found[name[1] or name[2]] = " ".join(re.sub(r"^\s*\*", " ", comment, flags=re.M).split())
    return found


def briefs(root):
    """First sentence of the comment of every declaration."""
    first = {name: re.split(r"(?<=[.:]) |@", text)[0].strip() for name, text in comments(root).items()}
    return {name: text for name, text in first.items() if text}


def read(root, text):
    brief = briefs(root)
    tree = xml.fromstring(text)
    members = {id(m) for c in tree.iter("class") for m in c.iter("cdecl")}
    out = Interface([], [], {}, [], [], [], [])
    for node in tree.iter():
        if node.tag not in ("cdecl", "enum", "class", "constant") or id(node) in members:
            continue
        about = attributes(node)
        name, kind, declarator = about.get("name", ""), about.get("kind"), about.get("decl", "")
        if not name.lower().startswith("ptk_"):
            continue
        if node.tag == "enum":
            items = [attributes(i) for i in node.iter("enumitem")]
            out.enums.append((name, [(i["name"], int(i["enumvalue"])) for i in items]))
        elif node.tag == "constant":
            out.constants.append((name, int(about["value"])))
        elif node.tag == "class":
            fields = [attributes(m) for m in node.iter("cdecl")]
            out.structs.append((name, [(f["name"], parse_type(f["decl"] + f["type"])) for f in fields]))
        elif kind == "function":
            result = parse_type(without_arguments(declarator) + about["type"])
            out.functions.append(Function(name, result, parameters_of(node), brief.get(name, "")))
        elif kind == "typedef" and declarator.startswith("p.f("):
            result = parse_type(without_arguments(declarator[2:]) + about["type"])
            out.callbacks.append(Function(name, result, parameters_of(node), brief.get(name, "")))
        elif kind == "typedef" and not declarator and about["type"] in NUMBERS:
            out.aliases[name] = about["type"]
        elif kind == "typedef" and not declarator and about["type"] == name:
            out.opaque.append(name)
        else:
            raise NotUnderstood(f"{node.tag} {name}: {about}")
    out.opaque = [name for name in out.opaque if name not in [s for s, _ in out.structs]]
    check(out)
    return out


def check(interface):
    """Every type that is used is known."""
    known = NUMBERS | {"void", "char", "DLManagedTensorVersioned", FUNCTION} | set(interface.aliases) | set(interface.opaque)
    known |= {e for e, _ in interface.enums} | {s for s, _ in interface.structs} | {c.name for c in interface.callbacks}
    uses = [(s, t) for s, fields in interface.structs for _, t in fields]
    for function in interface.functions + interface.callbacks:
        uses += [(function.name, t) for _, t in function.parameters] + [(function.name, function.result)]
    for where, used in uses:
        if used.base not in known:
            raise NotUnderstood(f"{where}: type '{used.base}'")
    if not interface.functions or not interface.structs:
        raise NotUnderstood("no functions or no structs")


def is_array(name, used):
    """Pointers to numbers are single values but for shapes."""
    return used.levels == 1 and name.startswith("shape")
