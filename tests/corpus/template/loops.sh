#!/bin/bash
{% for i in range(100) %}{% for j in range(100) %}{{ j }}{% endfor %}{% endfor %}
{% macro m(a) %}{{ a | upper }}{% endmacro %}{{ m('x') }}
exec {{ command }}
