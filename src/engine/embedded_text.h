/* The sources that are compiled into every object, as text (made by embed_text.py). */
#ifndef SHANNON_ENGINE_EMBEDDED_TEXT_H
#define SHANNON_ENGINE_EMBEDDED_TEXT_H

extern const char embedded_guest_access_h[];
extern const char embedded_guest_runtime_c[];
extern const char embedded_guest_object_h[];

#endif
