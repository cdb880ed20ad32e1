// The metric catalogue as JSON: GET /api/v1/catalog and `volta metrics --json`.
#pragma once

#include <string>

namespace volta {

// {"metrics":[{"name","kind","unit","labels","quality","group","period_ms","alias","help"}],
//  "groups":[{"name","period_ms","help"}]}; alias is null where there is none.
std::string catalogue_json();

}  // namespace volta
