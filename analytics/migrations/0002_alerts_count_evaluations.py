from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [
        migrations.RenameField(model_name="alert", old_name="last_bucket_at", new_name="last_evaluated_at"),
        migrations.AlterField(model_name="alert", name="last_evaluated_at", field=models.DateTimeField()),
        migrations.AlterField(
            model_name="alert",
            name="state",
            field=models.CharField(
                choices=[("pending", "pending"), ("firing", "firing"), ("resolved", "resolved")],
                default="pending",
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["pending", "firing", "resolved"])), name="alert_has_a_known_state"
            ),
        ),
    ]
