#!/bin/sh
# Takes out of a virtual environment what no running service reads (tests of large libraries, headers, sources in C, the
# compiled halves of plotly's thousands of small files, the descriptions of Amazon's other services) and lets it find our
# own packages, which lie beside it, so that a change of ours is a small layer.
set -eu
packages=$(echo "$1"/lib/python3*/site-packages)
for name in pandas pyarrow scipy sklearn numpy statsmodels networkx matplotlib nltk sqlalchemy plotly; do
    find "$packages/$name" -type d -name tests -prune -exec rm -rf {} +
done
rm -rf "$packages/pyarrow/include" "$packages/pyarrow/src" "$packages/jupyterlab_plotly"
find "$packages" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.a' \) -delete
find "$packages/plotly/validators" "$packages/plotly/graph_objs" -type d -name __pycache__ -prune -exec rm -rf {} +
find "$packages/botocore/data" -mindepth 1 -maxdepth 1 -type d ! -name s3 ! -name sts ! -name 'sso*' -exec rm -rf {} +
echo /opt/meterwise/ours > "$packages/meterwise.pth"
ln -s ../../ours/bin/meterwise "$1/bin/meterwise"
