#!/bin/sh
# Makes the bucket, and a user of the S3 server (MinIO or a fork) whose rights end at this bucket.
# A second run sets the user's secret and the policy again, so that changes of .env and of this file arrive.
# MC_HOST_objects has the address with the root user's name and password; mc reads it from there.
set -eu
cat > /tmp/policy.json <<JSON
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Resource": ["arn:aws:s3:::$S3_BUCKET"],
   "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]},
  {"Effect": "Allow", "Resource": ["arn:aws:s3:::$S3_BUCKET/*"],
   "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]}]}
JSON
# The server listens some time after its container has started.
tries=60
until mc mb --ignore-existing "objects/$S3_BUCKET"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 1
done
# Name and secret on standard input (printf is a part of the shell): a command line shows the secret to the whole host.
printf '%s\n%s\n' "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY" | mc admin user add objects
mc admin policy create objects modelfleet /tmp/policy.json
# Attaching a policy that is attached already is an error.
mc admin policy attach objects modelfleet --user "$S3_ACCESS_KEY_ID" \
    || mc admin policy entities objects --user "$S3_ACCESS_KEY_ID" | grep -q modelfleet
