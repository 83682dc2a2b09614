#include "model/pickle.h"

#include "base/error.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <unordered_map>

namespace ptk::model {

namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t most_bytes = std::size_t{1} << 24; ///< a value takes about a hundred
constexpr std::size_t longest_name = 512;
constexpr std::size_t most_foreign = 100; ///< names that are worth telling

bool rebuilds_tensor(std::string_view name)
{
    return name == "torch._utils._rebuild_tensor_v2" || name == "torch._utils._rebuild_tensor";
}

bool rebuilds_parameter(std::string_view name)
{
    return name == "torch._utils._rebuild_parameter" || name == "torch._utils._rebuild_parameter_with_state";
}

bool makes_dict(std::string_view name)
{
    return name == "collections.OrderedDict" || name == "builtins.dict" || name == "__builtin__.dict";
}

bool makes_set(std::string_view name)
{
    return name == "builtins.set" || name == "__builtin__.set" || name == "builtins.frozenset";
}

/// Element types of storages and tensors: "torch.FloatStorage", "torch.float32". They are only ever compared.
bool names_type(std::string_view name)
{
    static const std::set<std::string_view> types{
        "torch.float16", "torch.float32",    "torch.float64", "torch.bfloat16", "torch.uint8",
        "torch.int8",    "torch.int16",      "torch.int32",   "torch.int64",    "torch.complex64",
        "torch.bool",    "torch.complex128", "torch.device",  "torch.Size",     "torch.strided",
    };
    return types.contains(name) || (name.starts_with("torch.") && name.ends_with("Storage") && name.size() <= 40);
}

bool is_known(std::string_view name)
{
    return rebuilds_tensor(name) || rebuilds_parameter(name) || makes_dict(name) || makes_set(name) ||
           names_type(name) || name == "_codecs.encode";
}

/// The stack machine, without the means to run anything.
class Machine {
public:
    Machine(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

    Pickle run()
    {
        while (step(take(1)[0])) {
        }
        pickle_.size = at_;
        return std::move(pickle_);
    }

private:
    // ---- bytes ----

    std::string_view take(std::uint64_t count)
    {
        require(count <= bytes_.size() - at_, Status::Format, "{}: the pickle is truncated or damaged at byte {}",
                where_, at_);
        const auto part = bytes_.substr(at_, count);
        at_ += count;
        return part;
    }

    std::uint64_t number(std::size_t count)
    {
        std::uint64_t value = 0;
        const auto part = take(count);
        for (std::size_t i = 0; i < count; ++i)
            value |= static_cast<std::uint64_t>(static_cast<unsigned char>(part[i])) << (8 * i);
        return value;
    }

    std::string line()
    {
        const auto end = bytes_.find('\n', at_);
        require(end != std::string_view::npos, Status::Format, "{}: the pickle is truncated at byte {}", where_, at_);
        std::string text(bytes_.substr(at_, end - at_));
        at_ = end + 1;
        return text;
    }

    [[noreturn]] void damaged(const char* what) const
    {
        fail(Status::Format, "{}: damaged pickle at byte {}: {}", where_, at_, what);
    }

    // ---- values ----

    PickleValue* make(Kind kind, std::string text = {})
    {
        auto& value = pickle_.values.emplace_back();
        value.kind = kind;
        value.text = std::move(text);
        return &value;
    }

    void push(PickleValue* value) { stack_.push_back(value); }
    void push_new(Kind kind, std::string text = {}) { push(make(kind, std::move(text))); }

    void push_integer(Kind kind, std::int64_t integer)
    {
        push_new(kind);
        stack_.back()->integer = integer;
    }

    /// Little-endian two's complement of any length.
    void push_long(std::uint64_t length)
    {
        const auto part = take(length);
        if (length > 8)
            return push_new(Kind::Bytes, std::string(part));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < length; ++i)
            value |= static_cast<std::uint64_t>(static_cast<unsigned char>(part[i])) << (8 * i);
        if (length > 0 && length < 8 && (static_cast<unsigned char>(part.back()) & 0x80) != 0)
            value |= ~std::uint64_t{0} << (8 * length);
        push_integer(Kind::Int, static_cast<std::int64_t>(value));
    }

    void push_float()
    {
        std::uint64_t bits = 0;
        for (const char byte : take(8))
            bits = bits << 8 | static_cast<unsigned char>(byte);
        push_new(Kind::Float);
        stack_.back()->number = std::bit_cast<double>(bits);
    }

    void push_text(Kind kind, std::size_t length_bytes)
    {
        const auto length = number(length_bytes);
        push_new(kind, std::string(take(length)));
    }

    /// A value of what others hold already. Few bytes can ask for many such copies, so they are counted.
    void push_copy(Kind kind, const std::vector<const PickleValue*>& items)
    {
        copied_ += items.size();
        if (copied_ > bytes_.size())
            damaged("the same items again and again");
        push_items(kind, items);
    }

    /// Values below the last mark belong to an outer construction.
    std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

    PickleValue* pop()
    {
        if (stack_.size() <= floor())
            damaged("its stack is empty");
        auto* value = stack_.back();
        stack_.pop_back();
        return value;
    }

    PickleValue* top()
    {
        if (stack_.size() <= floor())
            damaged("its stack is empty");
        return stack_.back();
    }

    std::vector<const PickleValue*> pop_to_mark()
    {
        if (marks_.empty())
            damaged("no mark");
        const auto first = static_cast<std::ptrdiff_t>(marks_.back());
        marks_.pop_back();
        std::vector<const PickleValue*> items(stack_.begin() + first, stack_.end());
        stack_.resize(static_cast<std::size_t>(first));
        return items;
    }

    void push_items(Kind kind, std::vector<const PickleValue*> items)
    {
        if (kind == Kind::Dict && items.size() % 2 != 0)
            damaged("a key without a value");
        push_new(kind);
        stack_.back()->items = std::move(items);
    }

    void push_tuple(std::size_t count)
    {
        std::vector<const PickleValue*> items(count);
        for (std::size_t i = count; i-- > 0;)
            items[i] = pop();
        push_items(Kind::Tuple, std::move(items));
    }

    /// Items that are added to the container on top. What is added to a placeholder is forgotten.
    void extend(Kind kind, const std::vector<const PickleValue*>& items)
    {
        auto* container = top();
        if (container->kind == Kind::Opaque)
            return;
        if (container->kind != kind || (kind == Kind::Dict && items.size() % 2 != 0))
            damaged("items are added to what cannot take them");
        container->items.insert(container->items.end(), items.begin(), items.end());
    }

    void remember(std::uint64_t key) { memo_[key] = top(); }

    void recall(std::uint64_t key)
    {
        const auto found = memo_.find(key);
        if (found == memo_.end())
            damaged("a reference to nothing");
        push(found->second);
    }

    // ---- globals ----

    void push_global(const std::string& module, const std::string& name)
    {
        if (module.size() + name.size() > longest_name)
            damaged("a global with a very long name");
        auto full = module + "." + name;
        if (!is_known(full) && pickle_.foreign.size() < most_foreign &&
            std::find(pickle_.foreign.begin(), pickle_.foreign.end(), full) == pickle_.foreign.end())
            pickle_.foreign.push_back(full);
        push_new(Kind::Global, std::move(full));
    }

    void push_stack_global()
    {
        const auto* name = pop();
        const auto* module = pop();
        if (name->kind != Kind::Text || module->kind != Kind::Text)
            damaged("a global without a name");
        push_global(module->text, name->text);
    }

    /// What calling @p callee with @p arguments stands for.
    void call(const PickleValue& callee, const PickleValue& arguments)
    {
        if (callee.kind == Kind::Opaque)
            return push_new(Kind::Opaque, callee.text);
        if (callee.kind != Kind::Global || arguments.kind != Kind::Tuple)
            damaged("a call of what is no function");
        const auto& given = arguments.items;
        const auto& name = callee.text;
        if (rebuilds_tensor(name))
            return push_copy(Kind::Tensor, given);
        if (rebuilds_parameter(name) && !given.empty() && given[0]->kind == Kind::Tensor)
            return push_copy(Kind::Tensor, given[0]->items);
        if (makes_dict(name))
            return push_dict(given);
        if (makes_set(name) && given.size() == 1 && given[0]->kind == Kind::List)
            return push_copy(Kind::Set, given[0]->items);
        if (name == "torch.Size" && given.size() == 1 && given[0]->kind == Kind::Tuple)
            return push_copy(Kind::Tuple, given[0]->items);
        if (name == "_codecs.encode" && !given.empty() && given[0]->kind == Kind::Text)
            return push_bytes(given[0]->text);
        push_new(Kind::Opaque, name);
    }

    void push_bytes(const std::string& text)
    {
        copied_ += text.size();
        if (copied_ > bytes_.size())
            damaged("the same text again and again");
        push_new(Kind::Bytes, text);
    }

    /// dict() or OrderedDict(list of pairs).
    void push_dict(const std::vector<const PickleValue*>& arguments)
    {
        std::vector<const PickleValue*> items;
        if (!arguments.empty())
            for (const auto* pair : arguments[0]->items) {
                if (pair->items.size() != 2)
                    damaged("a dict of what are no pairs");
                items.insert(items.end(), pair->items.begin(), pair->items.end());
            }
        push_copy(Kind::Dict, items);
    }

    void make_object(bool keywords)
    {
        if (keywords)
            pop();
        const auto* arguments = pop();
        const auto* type = pop();
        call(*type, *arguments);
    }

    /// The state of an object. Those that are read here need none: an OrderedDict's is torch's version table.
    void set_state()
    {
        pop();
        const auto kind = top()->kind;
        if (kind != Kind::Opaque && kind != Kind::Dict && kind != Kind::Tensor)
            damaged("a state for a plain value");
    }

    void push_storage()
    {
        const auto* id = pop();
        const bool fits = id->kind == Kind::Tuple && id->items.size() >= 5 && id->items[0]->kind == Kind::Text &&
                          id->items[0]->text == "storage" && id->items[1]->kind == Kind::Global &&
                          id->items[4]->kind == Kind::Int &&
                          (id->items[2]->kind == Kind::Text || id->items[2]->kind == Kind::Int);
        if (!fits)
            damaged("a persistent identifier that is no storage of torch.save");
        push_copy(Kind::Storage, id->items);
    }

    void finish()
    {
        pickle_.root = pop();
        if (!stack_.empty())
            damaged("values are left over");
    }

    /// One instruction; false after the last.
    bool step(char code)
    {
        switch (code) {
        case '\x80': // PROTO
            if (number(1) > 5)
                damaged("a protocol above 5");
            return true;
        case '\x95': // FRAME
            take(8);
            return true;
        case '.': // STOP
            finish();
            return false;
        case '(': // MARK
            marks_.push_back(stack_.size());
            return true;
        case '0': // POP
            if (!marks_.empty() && stack_.size() == marks_.back())
                marks_.pop_back();
            else
                pop();
            return true;
        case '1': // POP_MARK
            pop_to_mark();
            return true;
        case '2': // DUP
            push(top());
            return true;
        default:
            if (!step_scalar(code) && !step_container(code) && !step_memo(code))
                step_object(code);
            return true;
        }
    }

    bool step_scalar(char code)
    {
        switch (code) {
        case 'N':
            push_new(Kind::None);
            return true;
        case '\x88':
        case '\x89':
            push_integer(Kind::Bool, code == '\x88' ? 1 : 0);
            return true;
        case 'J': // BININT
            push_integer(Kind::Int, static_cast<std::int32_t>(static_cast<std::uint32_t>(number(4))));
            return true;
        case 'K': // BININT1
        case 'M': // BININT2
            push_integer(Kind::Int, static_cast<std::int64_t>(number(code == 'K' ? 1 : 2)));
            return true;
        case '\x8a': // LONG1
        case '\x8b': // LONG4
            push_long(number(code == '\x8a' ? 1 : 4));
            return true;
        case 'G': // BINFLOAT
            push_float();
            return true;
        case '\x8c': // SHORT_BINUNICODE
        case 'X':    // BINUNICODE
        case '\x8d': // BINUNICODE8
            push_text(Kind::Text, code == '\x8c' ? 1 : code == 'X' ? 4 : 8);
            return true;
        case 'U': // SHORT_BINSTRING: a str of Python 2
        case 'T': // BINSTRING
            push_text(Kind::Text, code == 'U' ? 1 : 4);
            return true;
        case 'C':    // SHORT_BINBYTES
        case 'B':    // BINBYTES
        case '\x8e': // BINBYTES8
        case '\x96': // BYTEARRAY8
            push_text(Kind::Bytes, code == 'C' ? 1 : code == 'B' ? 4 : 8);
            return true;
        default:
            return false;
        }
    }

    bool step_container(char code)
    {
        switch (code) {
        case ']':
            push_new(Kind::List);
            return true;
        case ')':
            push_new(Kind::Tuple);
            return true;
        case '}':
            push_new(Kind::Dict);
            return true;
        case '\x8f': // EMPTY_SET
            push_new(Kind::Set);
            return true;
        case 'l':
            push_items(Kind::List, pop_to_mark());
            return true;
        case 't':
            push_items(Kind::Tuple, pop_to_mark());
            return true;
        case 'd':
            push_items(Kind::Dict, pop_to_mark());
            return true;
        case '\x91': // FROZENSET
            push_items(Kind::Set, pop_to_mark());
            return true;
        case '\x85':
        case '\x86':
        case '\x87': // TUPLE1, 2, 3
            push_tuple(static_cast<std::size_t>(code - '\x84'));
            return true;
        case 'a': { // APPEND
            const auto* item = pop();
            extend(Kind::List, {item});
            return true;
        }
        case 'e': // APPENDS
            extend(Kind::List, pop_to_mark());
            return true;
        case '\x90': // ADDITEMS
            extend(Kind::Set, pop_to_mark());
            return true;
        case 's': { // SETITEM
            const auto* value = pop();
            const auto* key = pop();
            extend(Kind::Dict, {key, value});
            return true;
        }
        case 'u': // SETITEMS
            extend(Kind::Dict, pop_to_mark());
            return true;
        default:
            return false;
        }
    }

    bool step_memo(char code)
    {
        switch (code) {
        case 'q': // BINPUT
        case 'r': // LONG_BINPUT
            remember(number(code == 'q' ? 1 : 4));
            return true;
        case '\x94': // MEMOIZE
            remember(memo_.size());
            return true;
        case 'h': // BINGET
        case 'j': // LONG_BINGET
            recall(number(code == 'h' ? 1 : 4));
            return true;
        default:
            return false;
        }
    }

    void step_object(char code)
    {
        switch (code) {
        case 'c': { // GLOBAL
            const auto module = line();
            return push_global(module, line());
        }
        case '\x93': // STACK_GLOBAL
            return push_stack_global();
        case 'R':    // REDUCE
        case '\x81': // NEWOBJ
        case '\x92': // NEWOBJ_EX
            return make_object(code == '\x92');
        case 'b': // BUILD
            return set_state();
        case 'Q': // BINPERSID
            return push_storage();
        default:
            fail(Status::Format, "{}: the pickle has the instruction 0x{:02x} at byte {}, which data do not need",
                 where_, static_cast<unsigned>(static_cast<unsigned char>(code)), at_ - 1);
        }
    }

    std::string_view bytes_;
    const std::string& where_;
    std::size_t at_ = 0;
    std::size_t copied_ = 0;
    Pickle pickle_;
    std::vector<PickleValue*> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

} // namespace

const PickleValue* PickleValue::find(std::string_view key) const
{
    if (kind != Kind::Dict)
        return nullptr;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2)
        if (items[i]->kind == Kind::Text && items[i]->text == key)
            return items[i + 1];
    return nullptr;
}

std::string printable(std::string_view text)
{
    constexpr std::size_t longest = 80;
    std::string shown(text.substr(0, longest));
    for (auto& letter : shown)
        if (static_cast<unsigned char>(letter) < 0x20 || static_cast<unsigned char>(letter) > 0x7e)
            letter = '?';
    return text.size() > longest ? shown + "..." : shown;
}

std::string describe(const PickleValue& value)
{
    static constexpr std::array<const char*, 14> names{"None",   "a truth value", "a number",  "a number",
                                                       "a text", "bytes",         "a list",    "a tuple",
                                                       "a set",  "a dict",        "a storage", "a tensor"};
    if (value.kind == Kind::Global)
        return "the global '" + printable(value.text) + "'";
    if (value.kind == Kind::Opaque)
        return "an object of '" + printable(value.text) + "'";
    return names[static_cast<std::size_t>(value.kind)];
}

Pickle read_pickle(std::string_view bytes, const std::string& where)
{
    return Machine(bytes.substr(0, most_bytes), where).run();
}

} // namespace ptk::model
