/* The HTTP API, drawn from the server's own description by RapiDoc, which is built in: nothing comes from a CDN. */
import 'rapidoc'
