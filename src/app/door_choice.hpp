// Whom a small command asks: a running volta by its URL (--server), or the store of a directory
// (--data), whether somebody serves it or not.
#pragma once

#include <functional>
#include <string>

#include "app/admin_door.hpp"
#include "app/commands.hpp"

namespace volta {

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
