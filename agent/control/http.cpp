#include "control/http.h"

#include "control/json.h"

namespace sluice::control {

Response error_response(unsigned status, const Fault& fault) {
  Response response;
  response.status = status;
  response.body = to_text(Json{{"error", fault.message}, {"next_step", fault.next_step}});
  return response;
}

}  // namespace sluice::control
