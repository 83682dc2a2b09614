// What fmt does not leave in its headers, compiled once: header-only, every file that formats a message compiles it
// anew, for five seconds. The headers are LibTorch's copy, of which it brings no library.
#include <fmt/format-inl.h>

FMT_BEGIN_NAMESPACE
namespace detail {
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
} // namespace detail
FMT_END_NAMESPACE
