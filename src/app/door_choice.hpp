// Whom a small command asks: a running volta by its URL (--server), or the store of a directory
// (--data), whether somebody serves it or not.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "app/admin_door.hpp"

namespace volta {

struct DoorChoice {
  std::string server = "http://127.0.0.1:8420";
  std::optional<std::string> data;  // a directory in place of the server
  std::string key_file;             // with the access key; "": none is sent
};

// Throws StartFailure: the server does not answer.
using Door = std::function<DoorAnswer(const DoorRequest&)>;

// Throws StartFailure: there is no store in the directory, it does not open, or the key file is not
// one.
Door open_door(const DoorChoice& choice);

// What an answer that is no success says of itself, for people.
std::string refusal_text(const DoorAnswer& answer);
// Throws StartFailure with it.
[[noreturn]] void throw_refusal(const DoorAnswer& answer);

}  // namespace volta
