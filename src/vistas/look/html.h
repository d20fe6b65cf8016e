// What every page we write needs: escaped text and pictures inside the page.
#pragma once

#include <string>
#include <string_view>

namespace vistas::look {

// & < > " ' as entities; bytes that are not UTF-8 become the replacement character.
std::string escape_html(std::string_view text);

// A relative or absolute path as a link: everything but letters, digits and -._~/ as %XX, so that a
// colon cannot be taken for a scheme.
std::string link_of_path(std::string_view path);

std::string base64(std::string_view bytes);

// "data:image/png;base64,..."; the type is told by the first bytes, and unknown ones are an error
// naming `name`.
std::string data_uri(std::string_view bytes, const std::string& name);

}  // namespace vistas::look
